"""Attempts at a task, each in a run of its own, as the log of the run that they are made for holds them."""

from decimal import Decimal
from operator import not_

from pydantic import Field

from coder.base.usage import Usage
from coder.run.event_types.run_events import BudgetReached, Status
from coder.run.events import Body
from coder.run.message import LeftOut, Verified

_SUMS = ("calls", "tool_calls", "cost_usd", "seconds", "test_seconds")


class AttemptStarted(Body, type="attempt.started"):
    """An attempt at the task began, in a run of its own."""

    attempt: int
    """Which, from 1."""
    run: str


class AttemptEnded(Body, type="attempt.ended"):
    """An attempt stopped. Its calls, tokens, cost and time are those since it began or was continued."""

    attempt: int
    run: str
    status: Status
    reason: str
    verified: Verified = "none"
    exit_code: int
    lines: int = 0
    """That it changes: added and removed."""
    exhausted: BudgetReached | None = Field(default=None, exclude_if=not_)
    """The limit that it reached."""
    calls: int
    tool_calls: int = 0
    usage: Usage
    cost_usd: Decimal
    cost_known: bool
    seconds: float
    """Wall time of its own work."""
    test_seconds: float = 0.0

    def since(self, earlier: "AttemptEnded") -> "AttemptEnded":
        """The same without what the attempt had used before it was continued."""
        differences = {name: getattr(self, name) - getattr(earlier, name) for name in _SUMS}
        return self.model_copy(update={**differences, "usage": self.usage - earlier.usage})

    def after(self, earlier: "AttemptEnded") -> "AttemptEnded":
        """The same with what the attempt had used before it was continued."""
        sums = {name: getattr(earlier, name) + getattr(self, name) for name in (*_SUMS, "usage")}
        return self.model_copy(update={**sums, "cost_known": earlier.cost_known and self.cost_known})


class AttemptChosen(Body, type="attempt.chosen"):
    """The attempts are over, and one of them is the result."""

    attempt: int
    """Which; 0 where none has made a change."""
    text: str
    """Why."""
    status: Status
    """How the run ends with it, unless its code is tried again."""
    reason: str
    """In words."""
    left_out: dict[str, LeftOut] = Field(default_factory=dict, exclude_if=not_)
    """Files of its session that can't be taken over, by path, with the reason."""
