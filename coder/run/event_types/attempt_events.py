"""Events about attempts at a task, in the log of the run for which they are made, and steps of a flow."""

from decimal import Decimal
from operator import not_
from typing import Literal

from pydantic import Field, JsonValue

from coder.base.usage import Usage
from coder.run.event_types.run_events import BudgetReached, Status
from coder.run.events import Body, Draft
from coder.run.message import Verified
from coder.run.stored_file import LeftOut
from sandbox.result import Value

_SUMS = ("calls", "tool_calls", "cost_usd", "seconds", "test_seconds")

Verb = Literal["step", "solve", "land", "check", "ask", "now", "random"]
"""The methods of `coder.flows.Flow` that record a step."""


class Delegation(Value):
    """A task that a model has delegated to a subagent."""

    call: str
    """Id of the call of `delegate`."""
    subagent: str
    """Name of the subagent."""


class AttemptStarted(Body, type="attempt.started"):
    """An attempt at the task, or the work of a subagent, began as a separate run."""

    attempt: int
    """Number of the attempt, from 1; for a subagent's run, the number of this event."""
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


class FlowStarted(Body, type="flow.started"):
    """The run is a flow."""

    flow: str
    """The function, as MODULE:FUNCTION."""
    input: JsonValue = None
    digest: str
    """SHA-256 (hex) of the input."""


class FlowStepStarted(Body, type="flow.step.started", durable=False):
    """A step began, or began again after an interruption or a failure."""

    position: str
    """Number of the step in its sequence, from 1; a branch of step 3 has steps such as 3.0.1."""
    verb: Verb
    name: str
    digest: str
    """SHA-256 (hex) of the input."""
    effect: bool = Field(default=False, exclude_if=not_)
    """Whether the step has outside effects, so that a person decides whether to start it again."""

    def draft(self) -> Draft:
        """Return this body as an event without a number, durable if the step has outside effects."""
        return super().draft().model_copy(update={"durable": self.effect})


class FlowStepSpawned(Body, type="flow.step.spawned"):
    """A step begins a run."""

    position: str
    run: str


class StepError(Value):
    """The error with which a step failed."""

    type: str
    """Name of the exception's class."""
    message: str
    trace: str = Field(default="", exclude_if=not_)
    """The traceback, redacted."""
    exit_code: int = 1


class StepSpent(Value):
    """Usage of the run that a step began."""

    calls: int
    usage: Usage
    cost_usd: Decimal | None
    """None: a price is unknown."""


class FlowStepEnded(Body, type="flow.step.ended", durable=False):
    """A step ended with a value or an error, which every resume reads from this event."""

    position: str
    name: str
    value: JsonValue = None
    error: StepError | None = Field(default=None, exclude_if=not_)
    seconds: float = 0.0
    spent: StepSpent | None = Field(default=None, exclude_if=not_)
    effect: bool = Field(default=False, exclude_if=not_)
    """Whether the step had outside effects."""

    def draft(self) -> Draft:
        """Return this body as an event without a number, durable if the step had effects or began a run."""
        return super().draft().model_copy(update={"durable": self.effect or self.spent is not None})


class FlowEnded(Body, type="flow.ended"):
    """The flow's function ended."""

    output: JsonValue = None
    failed: str = Field(default="", exclude_if=not_)
    """Position of the step whose failure ended the flow, and which a resume repeats; empty if none did."""
