"""The seam of participants."""

from dataclasses import dataclass
from typing import Protocol

from coder.engine.turn.turn import Turn
from coder.run.message import Message


class Participant(Protocol):
    """Speaks once when it has the turn, by the turn's state alone, so that runs resume."""

    @property
    def name(self) -> str:
        """The author of its messages."""

    async def speak(self, turn: Turn) -> Message | None:
        """Take one turn; None: what it has to say is in the log already.

        Raises:
            BudgetSpent: a limit forbids the call it needs.
            ModelError: the model failed for good.
            SandboxError: the sandbox itself failed.
        """


@dataclass(frozen=True, slots=True)
class Together:
    """Speaks through its parts: the loop takes their turns (`loop.speak`)."""

    parts: tuple[Participant, ...]

    @property
    def name(self) -> str:
        """The names of its parts."""
        return " + ".join(part.name for part in self.parts)

    async def speak(self, turn: Turn) -> Message:
        """Never called. Raises TypeError."""
        raise TypeError("several turns are no single one")
