"""Fold a run's events into its state. The functions are pure, so that a resume gets the same state."""

from collections.abc import Iterable, Mapping
from typing import Any

from coder.run import event_types
from coder.run.events import Event
from coder.run.message import HUMAN
from coder.run.records import dialogue, inputs, landing, progress, questions, spend
from coder.run.records.progress import Progress
from coder.run.records.record import Handlers
from coder.run.records.spend import Spend
from coder.run.state import State, replace

_RECORDS: Mapping[str, Handlers] = {
    "inputs": inputs.HANDLERS,
    "progress": progress.HANDLERS,
    "spend": spend.HANDLERS,
    "landing": landing.HANDLERS,
    "questions": questions.HANDLERS,
}


def begin(event: Event) -> State:
    """Return the state after a run's first event. Raises ValueError: it isn't a known run.started."""
    body = event_types.parse(event)
    if not isinstance(body, event_types.RunStarted):
        raise ValueError(f"run {event.run} does not begin with a run.started event that this version knows")
    return State(
        run=event.run,
        task=body.task,
        settings=body.settings,
        model=body.model,
        inputs=inputs.begin(body),
        progress=Progress(seq=event.seq, time=event.time, parent=body.parent),
        spend=Spend(budget=body.settings.budget),
    )


def fold(state: State, event: Event, body: event_types.Body | None = None) -> State:
    """Return the state after one more event; an event of an unknown type only moves the clock.

    Args:
        body: the parsed event, if the caller has parsed it.
    """
    body = body or event_types.parse(event)
    elapsed = 0.0 if _waited_for_human(state, body) else max(0.0, event.time - state.progress.time)
    if isinstance(body, event_types.AttemptEnded):  # without the attempt's time of waiting for people
        elapsed = min(elapsed, body.seconds + body.test_seconds)
    test_seconds = min(elapsed, _test_time(state, body))
    new_spend = replace(
        state.spend,
        seconds=state.spend.seconds + elapsed - test_seconds,
        test_seconds=state.spend.test_seconds + test_seconds,
    )
    state_at_event = replace(
        state, progress=replace(state.progress, seq=event.seq, time=event.time), spend=new_spend
    )
    return state_at_event if body is None else _apply(state_at_event, body)


def fold_all(events: Iterable[Event]) -> State:
    """Return the state after all events. Raises ValueError: there are none, or no run.started is first."""
    iterator = iter(events)
    first_event = next(iterator, None)
    if first_event is None:
        raise ValueError("a run without events has no state")
    state = begin(first_event)
    for event in iterator:
        state = fold(state, event)
    return state


def _apply(state: State, body: event_types.Body) -> State:
    match body:
        case event_types.StepStarted():
            from coder.run.next_step import next_step  # imported late: most runs have one task

            return next_step(state, body)
        case event_types.RunOrigin():
            from coder.run.forks import state_of_fork  # imported late: few runs are forks

            return state_of_fork(state, body)
    changes: dict[str, Any] = {}
    for name, handlers in _RECORDS.items():
        if (handler := handlers.get(type(body))) is not None:
            changes[name] = handler(getattr(state, name), body, state)
    new_dialogue = dialogue.handle(state.dialogue, body, state)
    if new_dialogue is not state.dialogue:
        changes["dialogue"] = new_dialogue
    match body:
        case event_types.RunResumed():
            changes |= {"settings": body.settings or state.settings, "model": body.model}
        case event_types.LandingUndone() if body.step <= len(state.steps):
            from coder.run.next_step import mark_undone

            changes["steps"] = mark_undone(state.steps, body.step - 1)
        case _ if body.type.startswith("flow."):
            from coder.run.records.flow import next_flow  # imported late: few runs are flows

            changes["flow"] = next_flow(state.flow, body)
    return replace(state, **changes)


def _waited_for_human(state: State, body: event_types.Body | None) -> bool:
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


def _test_time(state: State, body: event_types.Body | None) -> float:
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
