"""Flow: the recorded steps of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import JsonValue

from coder.run import event_types
from coder.run.records.record import replace

StepStatus = Literal["started", "ended", "failed", "again"]
"""`again`: the step has failed, which ended the flow, so that a resume repeats the step."""


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step of a flow."""

    started: event_types.FlowStepStarted
    status: StepStatus = "started"
    starts: int = 1
    """Number of times that the step began."""
    run: str | None = None
    """The run that the step began."""
    value: JsonValue = None
    error: event_types.StepError | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """The function, input and steps of a flow."""

    flow: str
    """The function, as MODULE:FUNCTION."""
    input: JsonValue = None
    digest: str = ""
    steps: Mapping[str, RecordedStep] = field(default_factory=dict)
    """Steps by position, in the order of their first start."""
    output: JsonValue = None
    """Return value of the function."""


def next_flow(flow: FlowRecord | None, body: event_types.Body) -> FlowRecord | None:
    """Return the record after an event of a flow."""
    if isinstance(body, event_types.FlowStarted):
        return FlowRecord(body.flow, body.input, body.digest)
    if flow is None:  # the event is of another version
        return None
    match body:
        case event_types.FlowStepStarted():
            return _start(flow, body)
        case event_types.FlowStepSpawned():
            return _changed(flow, body.position, run=body.run)
        case event_types.FlowStepEnded():
            return _end(flow, body)
        case event_types.FlowEnded(failed=failed) if failed in flow.steps:
            return _changed(flow, failed, status="again")
        case event_types.FlowEnded():
            return replace(flow, output=body.output)
        case _:
            return flow


def _start(flow: FlowRecord, body: event_types.FlowStepStarted) -> FlowRecord:
    earlier = flow.steps.get(body.position)
    step = (
        RecordedStep(body)
        if earlier is None
        else replace(earlier, status="started", starts=earlier.starts + 1, error=None)
    )
    return replace(flow, steps={**flow.steps, body.position: step})


def _end(flow: FlowRecord, body: event_types.FlowStepEnded) -> FlowRecord:
    status: StepStatus = "ended" if body.error is None else "failed"
    seconds = flow.steps[body.position].seconds + body.seconds
    return _changed(flow, body.position, status=status, value=body.value, error=body.error, seconds=seconds)


def _changed(flow: FlowRecord, position: str, **changes: Any) -> FlowRecord:  # noqa: ANN401 - of the record
    return replace(flow, steps={**flow.steps, position: replace(flow.steps[position], **changes)})
