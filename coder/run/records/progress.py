"""Progress: what has been answered and tried, and whether the run has stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from coder.run import event_types
from coder.run.message import Message
from coder.run.records.record import Handlers, replace
from coder.run.records.spend import Spend


@dataclass(frozen=True, slots=True)
class Progress:
    """The turns of a run with their outcomes, and its place in the log."""

    seq: int = 0
    """Number of the last event."""
    time: float = 0.0
    """When the last event happened, in seconds since the epoch."""
    messages: tuple[Message, ...] = ()
    """One for each turn that is over."""
    pending: tuple[event_types.CallAnswered, ...] = ()
    """Answers of the turn that isn't over yet: a resumed turn takes these before it calls."""
    prefetched: tuple[event_types.CallAnswered, ...] = ()
    """Answers that were requested ahead of their turns."""
    empty_answers: int = 0
    """Answers of models without a word, the latest in a row."""
    baseline: event_types.BaselineTaken | None = None
    """How the test command ended before the work; None where it wasn't run."""
    origin: event_types.RunOrigin | None = None
    """Where it is a fork, or one of several attempts: of what."""
    stop_requested: event_types.StopRequested | None = None
    stopped: event_types.RunStopped | None = None


class _Before(Protocol):
    """The state before an event, as far as handlers read it here."""

    @property
    def spend(self) -> Spend: ...


def _add_message(progress: Progress, body: event_types.Spoken, state: _Before) -> Progress:
    return replace(progress, messages=(*progress.messages, body.message), pending=())


def _add_answer(progress: Progress, body: event_types.CallAnswered, state: _Before) -> Progress:
    request = state.spend.open_calls.get(body.call)
    has_content = body.text.strip() or body.tool_calls
    progress = replace(progress, empty_answers=0 if has_content else progress.empty_answers + 1)
    if request is not None and request.ahead:
        return replace(progress, prefetched=(*progress.prefetched, body))
    return replace(progress, pending=(*progress.pending, body))


def _set_baseline(progress: Progress, body: event_types.BaselineTaken, state: _Before) -> Progress:
    return replace(progress, baseline=body)


def _request_stop(progress: Progress, body: event_types.StopRequested, state: _Before) -> Progress:
    return replace(progress, stop_requested=body)


def _stop(progress: Progress, body: event_types.RunStopped, state: _Before) -> Progress:
    return replace(progress, stopped=body)


def _resume(progress: Progress, body: event_types.RunResumed, state: _Before) -> Progress:
    return replace(progress, stopped=None, stop_requested=None, empty_answers=0)


def _forget_outcomes(progress: Progress, body: event_types.FilesChanged, state: _Before) -> Progress:
    """What earlier answers have shown was about other files: none of them is the best any more."""
    forgotten = {"passed": False, "checks": (), "contradicts": ()}
    messages = tuple(
        message.model_copy(update={"outcome": message.outcome.model_copy(update=forgotten)})
        if message.outcome is not None
        else message
        for message in progress.messages
    )
    return replace(progress, messages=messages)


HANDLERS: Handlers = {
    event_types.Spoken: _add_message,
    event_types.CallAnswered: _add_answer,
    event_types.BaselineTaken: _set_baseline,
    event_types.StopRequested: _request_stop,
    event_types.RunStopped: _stop,
    event_types.RunResumed: _resume,
    event_types.FilesChanged: _forget_outcomes,
}
