"""Fold a run's events into its state: a pure function, so that a resume knows what the run knew."""

from collections.abc import Iterable, Mapping
from typing import Any

from coder.run import event_types
from coder.run.call_reducer import after_call
from coder.run.events import Event
from coder.run.message import HUMAN, Message
from coder.run.state import OF_RUN, State, replace
from coder.run.stored_file import listed

_KEPT: Mapping[type[event_types.Body], str] = {
    event_types.BudgetReached: "exhausted",
    event_types.PatchProposed: "proposed",
    event_types.CommitMade: "committed",
    event_types.CommitRefused: "committed",
    event_types.LandingRefused: "refused",
    event_types.RunStopped: "stopped",
}
"""The field of the state that holds the latest event of a type."""


def begin(event: Event) -> State:
    """The state after a run's first event. Raises ValueError: it isn't a known run.started."""
    body = event_types.parse(event)
    if not isinstance(body, event_types.RunStarted):
        raise ValueError(f"run {event.run} does not begin with a run.started event that this version knows")
    return State(
        run=event.run,
        task=body.task,
        settings=body.settings,
        budget=body.settings.budget,
        model=body.model,
        files=body.files or listed(body.listing),
        root=body.root,
        seq=event.seq,
        time=event.time,
    )


def fold(state: State, event: Event, body: event_types.Body | None = None) -> State:
    """The state after one more event; an event of an unknown type only moves the clock.

    Args:
        body: what it says, where that has been parsed.
    """
    body = body or event_types.parse(event)
    passed = 0.0 if _waited_for_human(state, body) else max(0.0, event.time - state.time)
    tested = min(passed, _tested(state, body))
    seconds, test_seconds = state.seconds + passed - tested, state.test_seconds + tested
    moved = replace(state, seq=event.seq, time=event.time, seconds=seconds, test_seconds=test_seconds)
    return moved if body is None else _after(moved, body)


def fold_all(events: Iterable[Event]) -> State:
    """The state after all events of a run. Raises ValueError: there are none, or no run.started is first."""
    iterator = iter(events)
    first = next(iterator, None)
    if first is None:
        raise ValueError("a run without events has no state")
    state = begin(first)
    for event in iterator:
        state = fold(state, event)
    return state


def _after(state: State, body: event_types.Body) -> State:
    if (called := after_call(state, body)) is not None:
        return called
    if (name := _KEPT.get(type(body))) is not None:
        kept: dict[str, Any] = {name: body}
        is_no = isinstance(body, event_types.LandingRefused) and body.by_human
        return replace(state, declined=state.declined or is_no, **kept)
    match body:
        case event_types.BaselineTaken():
            owes = bool(state.dialogue) and state.known is None
            return replace(state, baseline=body, owes_baseline=owes)
        case event_types.Spoken():
            is_wish = body.message.author == HUMAN and body.message.kind in ("outcome", "code")
            shown = None if is_wish else state.proposed  # another change follows
            said = replace(state, messages=(*state.messages, body.message), proposed=shown)
            return replace(said, pending=(), question=None, effects=())
        case event_types.DialogueTaken(participant=participant):
            return state.talking(participant)
        case event_types.DialogueCleared():
            cleared = len(state.steps) + 1
            return replace(state, dialogue=(), dialogues={}, plan="", cleared=cleared)
        case event_types.StopRequested():
            return replace(state, stop_requested=body, question=None)
        case event_types.QuestionAsked():
            return replace(state, question=body)
        case event_types.QuestionAnswered():
            return _answered(state, body)
        case event_types.RunOrigin():
            return state.forked(body) if body.step else replace(state, origin=body)
        case event_types.StepStarted():
            return _next_step(state, body)
        case event_types.RunResumed():
            return _resumed(state, body)
        case _:
            return _after_landing(state, body)


def _after_landing(state: State, body: event_types.Body) -> State:
    match body:
        case event_types.FilesChanged():
            return _changed(state, body)
        case event_types.LandingPlanned():
            begun = replace(state, landing=body, landed=(), undone=(), taken_back=False)
            return replace(begun, refused=None, question=None)
        case event_types.FileLanded():
            return replace(state, landed=(*state.landed, body.path))
        case event_types.FileUndone():
            return state if body.left else _undone(state, body.path)
        case event_types.LandingUndone():
            return _landing_undone(state, body.step)
        case _:
            return state


def _answered(state: State, body: event_types.QuestionAnswered) -> State:
    asked, granted = state.question, state.granted
    if asked is not None and asked.subject and (body.decision == "always" or asked.about == "network"):
        granted = granted | {(asked.about, asked.subject)} if body.agrees else granted
    is_no = asked is not None and asked.about == "landing" and not body.agrees
    state = replace(state, declined=state.declined or is_no)
    return replace(state, question=None, granted=granted, answers={**state.answers, body.id: body})


def _resumed(state: State, body: event_types.RunResumed) -> State:
    return replace(
        state,
        settings=body.settings or state.settings,
        budget=body.budget,
        model=body.model,
        stopped=None,
        stop_requested=None,
        answers=state.answers if _is_under_way(state) else {},
        exhausted=None,
        empty_answers=0,
        results={},
        has_background=False,
        refused=None,
        committed=state.committed if isinstance(state.committed, event_types.CommitMade) else None,
    )


def _is_under_way(state: State) -> bool:
    """Whether the run was cut off, so that its questions stay answered; else a resume may ask again."""
    return state.stopped is None or state.stopped.status in ("waiting", "interrupted", "error", "limit")


def _waited_for_human(state: State, body: event_types.Body | None) -> bool:
    """Whether the time before this event was spent waiting for the user."""
    match body:
        case event_types.RunResumed() | event_types.StepStarted() | event_types.QuestionAnswered():
            return True
        case event_types.CallIntended():  # one that the user asks for between two messages
            return state.stopped is not None
        case event_types.Spoken(message=Message(author=author)):
            return author == HUMAN
        case event_types.RunStopped(status="interrupted" | "waiting") if state.question is not None:
            return True
        case event_types.RunStopped(status="interrupted") | event_types.LandingRefused(by_human=True):
            return state.settings.chat and state.proposed is not None
        case _:
            return False


def _tested(state: State, body: event_types.Body | None) -> float:
    """Seconds of long tests before this event, which don't count as the run's."""
    match body:
        case event_types.BaselineTaken(is_long=True):
            return body.seconds + body.alone_s
        case event_types.ProgramFinished() if state.baseline is not None and state.baseline.is_long:
            return body.seconds
        case _:
            return 0.0


def _next_step(state: State, body: event_types.StepStarted) -> State:
    """The run at a further task: without messages, with all that was spent."""
    begun = State(
        task=body.task,
        settings=body.settings,
        budget=body.settings.budget,
        model=body.model,
        steps=(*state.steps, replace(state, steps=())),
        **{name: getattr(state, name) for name in OF_RUN},
    )
    if not state.dialogue or body.settings.strategy != "act":
        return begun
    return replace(
        begun,
        dialogue=state.dialogue,
        known=state.worked,
        speaks_text=state.speaks_text,
        tree=state.open_work,
        plan=state.plan,
    )


def _landing_undone(state: State, step: int) -> State:
    if step > len(state.steps):
        return replace(state, taken_back=True)
    steps = [replace(one, taken_back=one.taken_back or n == step) for n, one in enumerate(state.steps, 1)]
    return replace(state, steps=tuple(steps))


def _undone(state: State, path: str) -> State:
    """A run that is still at work has taken back a landing that could not be finished."""
    landed = state.landed
    if state.stopped is None:
        landed = tuple(other for other in landed if other != path)
    return replace(state, landed=landed, undone=(*state.undone, path))


def _changed(state: State, body: event_types.FilesChanged) -> State:
    files = {**state.files, **listed(body.listing), **body.files}
    left = {path: file for path, file in files.items() if path not in body.gone}
    # What earlier answers have shown was about other files: none of them is the best any more.
    forgotten = {"passed": False, "checks": (), "contradicts": ()}
    messages = tuple(
        message.model_copy(update={"outcome": message.outcome.model_copy(update=forgotten)})
        if message.outcome is not None
        else message
        for message in state.messages
    )
    return replace(state, files=left, messages=messages, proposed=None, landing=None, landed=())
