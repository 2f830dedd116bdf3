"""One shot: one answer, and what it does."""

from dataclasses import dataclass

from coder.participants.executor import Executor
from coder.participants.participant import Participant
from coder.participants.writer import Writer
from coder.run.state import State


@dataclass(frozen=True, slots=True)
class OneShot:
    """Writer, then Executor."""

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        return Executor() if state.awaits_execution else Writer()
