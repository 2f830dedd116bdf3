"""Count the time before an event as the run's work or its long tests; waiting time isn't counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder.run import event_types
from coder.run.message import HUMAN
from coder.run.records.record import replace
from coder.run.records.spend import Spend

if TYPE_CHECKING:
    from coder.run.records.before import Before


def count_time(spend: Spend, seconds: float, body: event_types.Body | None, state: Before) -> Spend:
    """Return the usage with the seconds before an event added to the time of work or of tests.

    The time in which the run waited for the user isn't counted.
    """
    elapsed = 0.0 if _waited_for_human(state, body) else max(0.0, seconds)
    if isinstance(body, event_types.AttemptEnded):  # without the attempt's time of waiting for people
        elapsed = min(elapsed, body.seconds + body.test_seconds)
    test_seconds = min(elapsed, _test_time(state, body))
    return replace(
        spend,
        seconds=spend.seconds + elapsed - test_seconds,
        test_seconds=spend.test_seconds + test_seconds,
    )


def _waited_for_human(state: Before, body: event_types.Body | None) -> bool:
    """Whether the run waited for the user before this event."""
    match body:
        case event_types.RunResumed() | event_types.StepStarted() | event_types.QuestionAnswered():
            return True
        case event_types.CallIntended():  # a call that the user requested between two messages
            return state.progress.stopped is not None
        case event_types.Spoken(message=message):
            return message.author == HUMAN
        case event_types.RunStopped(status="interrupted" | "waiting") if state.questions.open is not None:
            return True
        case _:
            return False


def _test_time(state: Before, body: event_types.Body | None) -> float:
    """Return the seconds of long tests before this event, which don't count as the run's time."""
    baseline = state.progress.baseline
    match body:
        case event_types.AttemptEnded():
            return body.test_seconds
        case event_types.BaselineTaken(is_long=True):
            return body.seconds + body.alone_s
        case event_types.ProgramFinished() if baseline is not None and baseline.is_long:
            return body.seconds
        case _:
            return 0.0
