"""Selector: a model picks who speaks next; a choice that can't be read gives way to the order."""

from typing import Literal

from coder.participants.participant import Participant
from coder.participants.picker import Picker
from coder.run.state import State
from coder.teams.member import Member
from coder.teams.spec import Nested, Place, TeamSpec, speaker_of


class Selector(TeamSpec):
    """Members that a model chooses among, before each turn."""

    kind: Literal["selector"] = "selector"
    brief: str = ""
    """How to choose."""
    repeats: bool = False
    """The last speaker may be chosen again."""

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """The one who was chosen; before that, the one who chooses."""
        last = state.last
        if last is not None and last.kind == "choice" and last.within == within:
            return self.named(last.to) or self.after(state, within)
        spoke = speaker_of(state, within)
        nodes = [node for node in self.speakers if self.repeats or node.name != spoke] or self.speakers
        if len(nodes) == 1:
            return nodes[0]
        about = {node.name: node.brief if isinstance(node, Member) else "" for node in nodes}
        return Picker(about, self.brief, within, otherwise=self.after(state, within).name)
