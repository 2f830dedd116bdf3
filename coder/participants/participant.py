"""The seam of participants."""

from typing import Protocol

from coder.run.message import Message
from coder.turn import Turn


class Participant(Protocol):
    """Speaks once when it has the turn, by the turn's state alone, so that runs resume."""

    @property
    def name(self) -> str:
        """The author of its messages."""

    async def speak(self, turn: Turn) -> Message:
        """Take one turn.

        Raises:
            BudgetSpent: a limit forbids the call it needs.
            ModelError: the model failed for good.
            SandboxError: the sandbox itself failed.
        """
