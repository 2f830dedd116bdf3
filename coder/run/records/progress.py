"""Progress: messages and attempts of a run, and whether it has stopped."""

from __future__ import annotations

from dataclasses import dataclass

from coder.run import event_types
from coder.run.message import Message, OutcomeMessage
from coder.run.records.record import Handlers, keep, replace


@dataclass(frozen=True, slots=True)
class Progress:
    """The turns of a run with their outcomes, and its position in the log."""

    seq: int = 0
    """Number of the last event."""
    time: float = 0.0
    """Time of the last event, in seconds since the epoch."""
    messages: tuple[Message, ...] = ()
    """One message for each ended turn."""
    pending: tuple[event_types.CallAnswered, ...] = ()
    """Answers of the current turn; a resumed turn uses these before it calls a model."""
    empty_answers: int = 0
    """Number of latest answers in a row that were empty."""
    baseline: event_types.BaselineTaken | None = None
    """Result of the test command before the change; None if it wasn't run."""
    origin: event_types.RunOrigin | None = None
    """Origin of a fork."""
    parent: event_types.Parent | None = None
    """The run for which an attempt is made."""
    attempts: tuple[event_types.AttemptStarted | event_types.AttemptEnded, ...] = ()
    """The run's attempts in order, each with its latest event."""
    choice: event_types.AttemptChosen | None = None
    """The attempt that was chosen as the result."""
    stop_requested: event_types.StopRequested | None = None
    stopped: event_types.RunStopped | None = None


def _add_message(progress: Progress, body: event_types.Spoken, state: object) -> Progress:
    return replace(progress, messages=(*progress.messages, body.message), pending=())


def _add_answer(progress: Progress, body: event_types.CallAnswered, state: object) -> Progress:
    has_content = body.text.strip() or body.tool_calls
    empty_answers = 0 if has_content else progress.empty_answers + 1
    return replace(progress, empty_answers=empty_answers, pending=(*progress.pending, body))


def _resume(progress: Progress, body: event_types.RunResumed, state: object) -> Progress:
    stopped = progress.stopped
    is_open = stopped is not None and stopped.status in ("limit", "unsolved", "stuck", "error")
    choice = None if is_open else progress.choice  # because further attempts may be better
    return replace(progress, stopped=None, stop_requested=None, empty_answers=0, choice=choice)


def _update_attempt(
    progress: Progress, body: event_types.AttemptStarted | event_types.AttemptEnded, state: object
) -> Progress:
    if body.delegation is not None:
        return progress  # the session has it
    index = body.attempt - 1
    earlier = progress.attempts[index] if index < len(progress.attempts) else None
    if isinstance(earlier, event_types.AttemptEnded):
        body = body.after(earlier) if isinstance(body, event_types.AttemptEnded) else earlier
    return replace(progress, attempts=(*progress.attempts[:index], body, *progress.attempts[index + 1 :]))


def _forget_outcomes(progress: Progress, body: event_types.FilesChanged, state: object) -> Progress:
    """Forget the outcomes of earlier answers, which were about other files."""
    forgotten = {"passed": False, "checks": (), "contradicts": ()}
    messages = tuple(
        message.model_copy(update={"outcome": message.outcome.model_copy(update=forgotten)})
        if isinstance(message, OutcomeMessage)
        else message
        for message in progress.messages
    )
    return replace(progress, messages=messages)


HANDLERS: Handlers = {
    event_types.Spoken: _add_message,
    event_types.CallAnswered: _add_answer,
    event_types.AttemptStarted: _update_attempt,
    event_types.AttemptEnded: _update_attempt,
    event_types.AttemptChosen: keep("choice"),
    event_types.BaselineTaken: keep("baseline"),
    event_types.StopRequested: keep("stop_requested"),
    event_types.RunStopped: keep("stopped"),
    event_types.RunResumed: _resume,
    event_types.FilesChanged: _forget_outcomes,
}
