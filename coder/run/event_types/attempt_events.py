"""Events about attempts at a task, in the log of the run for which they are made."""

from decimal import Decimal
from operator import not_

from pydantic import BaseModel, Field

from coder.base.usage import Usage
from coder.run.event_types.run_events import BudgetReached, Status
from coder.run.events import Body
from coder.run.message import LeftOut, Verified

_SUMS = ("calls", "tool_calls", "cost_usd", "seconds", "test_seconds")


class Delegation(BaseModel, frozen=True, extra="forbid"):
    """A task that a model has delegated to a subagent."""

    call: str
    """Id of the call of `delegate`."""
    subagent: str
    """Name of the subagent."""


class AttemptStarted(Body, type="attempt.started"):
    """An attempt at the task, or the work of a subagent, began as a separate run."""

    attempt: int
    """Number of the attempt, from 1; of a subagent's run: the number of this event."""
    run: str
    delegation: Delegation | None = Field(default=None, exclude_if=not_)
    """None: an attempt at the task itself."""


class AttemptEnded(Body, type="attempt.ended"):
    """An attempt stopped. Calls, tokens, cost and time are counted since its start or last continuation."""

    attempt: int
    run: str
    delegation: Delegation | None = Field(default=None, exclude_if=not_)
    status: Status
    reason: str
    verified: Verified = "none"
    exit_code: int
    lines: int = 0
    """Number of lines that the attempt adds and removes."""
    exhausted: BudgetReached | None = Field(default=None, exclude_if=not_)
    """The limit that the attempt reached."""
    calls: int
    tool_calls: int = 0
    usage: Usage
    cost_usd: Decimal
    cost_known: bool
    seconds: float
    """Wall time of the attempt's work."""
    test_seconds: float = 0.0

    def since(self, earlier: "AttemptEnded") -> "AttemptEnded":
        """Return a copy without the usage from before the attempt was continued."""
        differences = {name: getattr(self, name) - getattr(earlier, name) for name in _SUMS}
        return self.model_copy(update={**differences, "usage": self.usage - earlier.usage})

    def after(self, earlier: "AttemptEnded") -> "AttemptEnded":
        """Return a copy with the usage from before the attempt was continued."""
        sums = {name: getattr(earlier, name) + getattr(self, name) for name in (*_SUMS, "usage")}
        return self.model_copy(update={**sums, "cost_known": earlier.cost_known and self.cost_known})


class AttemptChosen(Body, type="attempt.chosen"):
    """One of the attempts was chosen as the result."""

    attempt: int
    """Number of the attempt; 0 if none has made a change."""
    text: str
    """The reason for the choice."""
    status: Status
    """Status of the run with this attempt, unless its code is tried again."""
    reason: str
    """The reason for the status."""
    left_out: dict[str, LeftOut] = Field(default_factory=dict, exclude_if=not_)
    """Files of the attempt's session that can't be taken over, by path, with the reason."""
