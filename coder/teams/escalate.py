"""Escalate: a cheap model first; after so many failures a strong one, told of the last of them."""

from dataclasses import dataclass

from coder.participants.coder import Coder, Expert
from coder.participants.participant import Participant
from coder.run.attempts import tried
from coder.run.state import State


@dataclass(frozen=True, slots=True)
class Escalate:
    """The Coder; from the given number of failures on, the Expert in its place."""

    after: int = 2

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        failed = sum(not outcome.passed for _, outcome in tried(state))
        repeated = sum(message.repeats for message in state.codes)  # a repeated answer has failed as well
        return Expert() if failed + repeated >= self.after else Coder()
