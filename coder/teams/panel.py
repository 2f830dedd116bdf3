"""Panel: all members are asked at the same time, then one of them, or another, makes something of it."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field

from coder.participants.participant import Participant, Together
from coder.run.state import State
from coder.teams.member import Member
from coder.teams.spec import Nested, Place, TeamSpec


class Panel(TeamSpec):
    """Members that give words, unheard by one another within a round; `then` speaks after each."""

    kind: Literal["panel"] = "panel"
    members: tuple[Member, ...] = Field(min_length=1)
    then: Member | None = None

    def leaves(self) -> Iterator[Member]:
        """All members, and who sums up."""
        yield from self.members
        if self.then is not None:
            yield self.then

    def acting(self, acts: bool) -> Self:
        """The same, where the one who sums up acts or doesn't, if it leaves that open."""
        then = self.then
        if then is None or then.acts is not None:
            return self
        return self.model_copy(update={"then": then.model_copy(update={"acts": acts})})

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """All who have not spoken in this round, at once; then the one who sums up."""
        spoke = self._spoken(state, within)
        left = [node for node in self.members if node.name not in spoke]
        if not left and self.then is not None:
            return self.then
        asked = left or self.members
        return Together(tuple(member.taking_part(within, is_in_words=True) for member in asked))

    def _spoken(self, state: State, within: Place) -> set[str]:
        """Who has spoken since the last round's end."""
        found: set[str] = set()
        names = {node.name for node in self.members}
        for message in reversed(state.messages):
            if message.within != within or message.author not in names:
                if self.then is not None and message.author == self.then.name and message.within == within:
                    break
                continue
            if message.author in found:
                break
            found.add(message.author)
        return set() if self.then is None and found == names else found
