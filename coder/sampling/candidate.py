"""Candidate: the change of one attempt, as it is compared with those of others."""

from dataclasses import dataclass
from typing import get_args

from coder.run.message import Message, Outcome, Verified

FAILED = "!"
"""Begins the behaviour of a call that raised or never returned."""
_KINDS = get_args(Verified)
"""What decided, the strongest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The change of one attempt, with what is known of it."""

    attempt: int
    code: Message
    outcome: Outcome
    lines: int = 0
    """That it changes."""
    sane: bool = True
    """By reading, it could be what was asked for."""
    votes: int = 1
    """Attempts that gave this very code."""
    behaviour: tuple[str, ...] = ()
    """What it returns for each input; empty where that is unknown."""

    @property
    def rank(self) -> tuple[object, ...]:
        """Less is better: the verdict, what shows it, and how many checks pass."""
        passed = self.outcome.passed
        return (
            _KINDS.index(self.outcome.verified) if passed else len(_KINDS),
            not self.outcome.contradicts,
            0 if passed else -sum(check.passed for check in self.outcome.checks),
            not self.sane,
        )
