"""Participant: the protocol of those that take turns in a run."""

from typing import Protocol

from coder.engine.turn.turn import Turn
from coder.run.message import Message


class Participant(Protocol):
    """Protocol for a speaker that decides by the turn's state alone, so that runs can be resumed."""

    @property
    def name(self) -> str:
        """The author of the participant's messages."""

    async def speak(self, turn: Turn) -> Message | None:
        """Take one turn and return its message; None if the log holds the message already.

        Raises:
            BudgetSpent: a limit forbids the next call.
            ModelError: the model failed, also after retries.
            SandboxError: the sandbox itself failed.
        """
