"""Protocols for the participants of a run, which take turns, and for the team, which orders the turns."""

from typing import Protocol

from coder.engine.turn.turn import Turn
from coder.run.message import Message
from coder.run.state import State


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


class Team(Protocol):
    """Protocol for a team: decides which participant speaks next."""

    def next(self, state: State) -> Participant:
        """Return the participant that speaks in this state; equal states give equal participants."""
