"""Handoff: whoever speaks says who is next; without a word about it, the order does."""

from typing import Literal

from coder.participants.participant import Participant
from coder.run.message import HUMAN
from coder.run.state import State
from coder.teams.member import Member
from coder.teams.spec import Nested, Place, TeamSpec, speaker_of


class Handoff(TeamSpec):
    """Members that hand over to one another, or to the user."""

    kind: Literal["handoff"] = "handoff"
    to_human: bool = True
    """A member may hand over to the user."""

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """The one it was handed to."""
        last = state.last
        if last is None or last.within != within:
            return self.after(state, within)
        to = speaker_of(state, within) if last.kind == "answer" else last.to
        return self.named(to) or self.after(state, within)

    def hands_to(self, member: Member) -> tuple[str, ...]:
        """All but itself, and the user."""
        others = [node.name for node in self.members if node.name not in (member.name, "executor")]
        return (*others, *([HUMAN] if self.to_human else []))
