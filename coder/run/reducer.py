"""Fold a run's events into its state. The functions are pure, so that a resume gets the same state."""

from collections.abc import Iterable, Mapping
from typing import Any

from coder.run import event_types
from coder.run.events import Event
from coder.run.records import dialogue, inputs, landing, progress, questions, spend
from coder.run.records.elapsed import count_time
from coder.run.records.progress import Progress
from coder.run.records.record import Handlers
from coder.run.records.spend import Spend
from coder.run.state import State, replace
from coder.run.use_tests import without_first_found

_RECORDS: Mapping[str, Handlers] = {
    "inputs": inputs.HANDLERS,
    "progress": progress.HANDLERS,
    "spend": spend.HANDLERS,
    "landing": landing.HANDLERS,
    "questions": questions.HANDLERS,
}


def begin(event: Event) -> State:
    """Return the state after a run's first event. Raises ValueError if it isn't a known run.started."""
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
    """Return the state after one more event; an event of an unknown type only updates number and time.

    Args:
        body: the parsed event, if the caller has parsed it.
    """
    body = body or event_types.parse(event)
    spend_at_event = count_time(state.spend, event.time - state.progress.time, body, state)
    state_at_event = replace(
        state, progress=replace(state.progress, seq=event.seq, time=event.time), spend=spend_at_event
    )
    return state_at_event if body is None else _apply(state_at_event, body)


def fold_all(events: Iterable[Event]) -> State:
    """Return the state after all events. Raises ValueError if there are none or run.started isn't first."""
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
        case event_types.TestsDropped():
            changes["task"] = without_first_found(state.task, body.reason)
        case event_types.LandingUndone() if body.step <= len(state.steps):
            from coder.run.next_step import mark_undone

            changes["steps"] = mark_undone(state.steps, body.step - 1)
        case _ if body.type.startswith("flow."):
            from coder.run.records.flow import next_flow  # imported late: few runs are flows

            changes["flow"] = next_flow(state.flow, body)
    return replace(state, **changes)
