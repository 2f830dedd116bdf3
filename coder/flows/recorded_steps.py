"""Recorded steps: carry out a step once; later executions read its outcome from the log."""

import json
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from pydantic import JsonValue

from coder.base.errors import CoderError, MachineError
from coder.base.text.redact import Redactor
from coder.flows.errors import FlowDiffers, FlowEnds, StepFailed
from coder.run.event_types import FlowStepEnded, FlowStepStarted, StepError, StepSpent
from coder.run.journal import Journal
from coder.run.open_question import ask_person
from coder.run.questions import Decision, Question, Waits
from coder.run.records.flow import FlowRecord, RecordedStep
from sandbox import SandboxError

AGAIN, DONE = "again", "done"
_OWN_FILES = __file__.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The outcome of a step, as recorded in the log."""

    value: JsonValue
    spent: StepSpent | None = None
    """Usage of the run that the step began."""


Work = Callable[[], Awaitable[StepOutcome]]


@dataclass(slots=True)
class RecordedSteps:
    """The steps of one execution of a flow."""

    journal: Journal
    reached: set[str] = field(default_factory=set)
    """Positions of this execution's steps."""
    failed: str = ""
    """Position of the latest step that failed in this execution or an earlier one."""

    @property
    def record(self) -> FlowRecord:
        """The flow's record in the log."""
        record = self.journal.state.flow
        assert record is not None
        return record

    async def carry_out(
        self, step: FlowStepStarted, work: Work, accepts: Callable[[JsonValue], str]
    ) -> JsonValue:
        """Return the value of a step: the recorded one, or else that of `work`.

        Args:
            accepts: returns why a value, given by a person, isn't one of this step; empty if it is.

        Raises:
            StepFailed: the step has failed, now or before.
            FlowEnds: the step differs from the recorded one, or waits for a person.
            MachineError: the log can't be written.
        """
        self.reached.add(step.position)
        recorded = self.record.steps.get(step.position)
        if recorded is not None:
            require_same(recorded.started, step)
            if recorded.status == "ended":
                return recorded.value
            if recorded.status == "failed" and recorded.error is not None:
                raise self._failure(step, recorded.error)
            if recorded.status == "started" and step.effect:
                decision = await self._decide_about(step, recorded, accepts)
                if decision is not None:
                    return decision.value
        await self.journal.append(step)
        began = time.monotonic()
        try:
            outcome = await work()
        except (MachineError, FlowEnds):
            raise  # not the step's fault: a resume repeats it
        except Exception as error:  # whatever the user's function raises is the step's outcome
            problem = _described(error)
            await self.journal.append(_ended(step, error=problem, began=began))
            raise self._failure(step, problem) from error
        await self.journal.append(_ended(step, outcome, began=began))
        return outcome.value

    async def take(self, step: FlowStepStarted, value: JsonValue) -> JsonValue:
        """Return the recorded value of a step that takes no time, or record `value`."""
        self.reached.add(step.position)
        recorded = self.record.steps.get(step.position)
        if recorded is not None:
            require_same(recorded.started, step)
            return recorded.value
        await self.journal.append(step, _ended(step, StepOutcome(value)))
        return value

    async def ask(self, question: Question, key: str) -> Decision:
        """Ask a person. Raises FlowEnds if nobody can answer now."""
        try:
            decision = await ask_person(self.journal, question, key=key)
        except Waits as waits:
            raise FlowEnds(waits) from None
        return Decision(**decision.model_dump(include=set(Decision.model_fields)))

    def require_all_reached(self) -> None:
        """Raise FlowEnds if the log has a step that the flow didn't take this time."""
        missing = next((position for position in self.record.steps if position not in self.reached), None)
        if missing is not None:
            name = self.record.steps[missing].started.name
            raise FlowEnds(FlowDiffers(missing, f"it was `{name}`, and the flow ended without it."))

    def _failure(self, step: FlowStepStarted, error: StepError) -> StepFailed:
        self.failed = step.position
        return StepFailed(step.position, step.name, error)

    async def _decide_about(
        self, step: FlowStepStarted, recorded: RecordedStep, accepts: Callable[[JsonValue], str]
    ) -> StepOutcome | None:
        """Ask a person about a step with an effect that was cut off.

        Returns:
            The value that the person has given, which is recorded; None: the step runs again.
        """
        note = ""
        for number in count():
            text = (
                f"Step {step.position}, `{step.name}`, was cut off, and may have had its effect. `{AGAIN}` "
                f"runs it once more; `{DONE}` takes it as done without a value; or give its value as JSON."
            )
            question = Question(kind="choose", about="task", text=text, options=(AGAIN, DONE), note=note)
            decision = await self.ask(question, f"{step.position} cut off {recorded.starts} {number}")
            if decision.answer_text == AGAIN:
                break
            value = _value_of(decision.answer_text)
            if not (note := accepts(value)):
                await self.journal.append(_ended(step, StepOutcome(value)))
                return StepOutcome(value)
        return None


def require_same(recorded: FlowStepStarted, step: FlowStepStarted) -> None:
    """Raise FlowEnds if a step isn't the recorded one: by its verb, its name or the digest of its input."""
    if (recorded.verb, recorded.name) != (step.verb, step.name):
        what = f"it was {_called(recorded)}, and is {_called(step)} now."
    elif recorded.digest != step.digest:
        what = f"{_called(step)} has another input."
    else:
        return
    raise FlowEnds(FlowDiffers(step.position, what))


def _called(step: FlowStepStarted) -> str:
    return f"`{step.name}`" if step.verb == step.name else f"{step.verb} `{step.name}`"


def _ended(
    step: FlowStepStarted,
    outcome: StepOutcome | None = None,
    *,
    error: StepError | None = None,
    began: float | None = None,
) -> FlowStepEnded:
    """Return the event that ends a step; `began`: the monotonic time of its start, None if it took none."""
    return FlowStepEnded(
        position=step.position,
        name=step.name,
        value=outcome.value if outcome is not None else None,
        error=error,
        seconds=round(time.monotonic() - began, 6) if began is not None else 0.0,
        spent=outcome.spent if outcome is not None else None,
        effect=step.effect,
    )


def _value_of(text: str) -> JsonValue:
    """Return the value that a person's answer stands for."""
    if text == DONE:
        return None
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _exit_code(error: Exception) -> int:
    if isinstance(error, SandboxError):
        return MachineError.exit_code
    return error.exit_code if isinstance(error, CoderError) else 1


def _described(error: Exception) -> StepError:
    """Describe an exception, with the part of its traceback that is in the user's code."""
    frames = traceback.extract_tb(error.__traceback__)
    user_frames = [frame for frame in frames if not frame.filename.startswith(_OWN_FILES)]
    redact = Redactor.from_environment().redact
    is_ours = isinstance(error, CoderError)
    return StepError(
        type=type(error).__name__,
        message=redact(str(error)),
        trace="" if is_ours else redact("".join(traceback.format_list(user_frames))),
        exit_code=_exit_code(error),
    )
