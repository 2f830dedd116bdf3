"""Fold a run's events into its state: a pure function, so that a resume knows what the run knew."""

from collections.abc import Iterable
from dataclasses import replace

from coder.run.call_reducer import after_call
from coder.run.event_types import (
    BaselineTaken,
    Body,
    BudgetReached,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallRetried,
    CallSwitched,
    CommitMade,
    CommitRefused,
    ContextFolded,
    FileLanded,
    FilesChanged,
    FileUndone,
    LandingPlanned,
    LandingRefused,
    LandingUndone,
    Looked,
    PatchProposed,
    ProgramFinished,
    RunOrigin,
    RunResumed,
    RunStarted,
    RunStopped,
    Spoken,
    StepStarted,
    ToolAnswered,
    ToolCalled,
    parse,
)
from coder.run.event_types.body import listed
from coder.run.events import Event
from coder.run.message import HUMAN, Message
from coder.run.state import State, Step


def begin(event: Event) -> State:
    """The state after a run's first event.

    Raises:
        ValueError: it isn't a run.started that this version knows.
    """
    body = parse(event)
    if not isinstance(body, RunStarted):
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


def fold(state: State, event: Event) -> State:
    """The state after one more event; an event of an unknown type only moves the clock."""
    body = parse(event)
    passed = event.time - state.time - _tested(state, body)
    worked = 0.0 if _waited_for_human(state, body) else max(0.0, passed)
    moved = replace(state, seq=event.seq, time=event.time, seconds=state.seconds + worked)
    return moved if body is None else _after(moved, body)


def fold_all(events: Iterable[Event]) -> State:
    """The state after all events of a run, the first of which began it.

    Raises:
        ValueError: there are none, or the first isn't a run.started.
    """
    iterator = iter(events)
    first = next(iterator, None)
    if first is None:
        raise ValueError("a run without events has no state")
    state = begin(first)
    for event in iterator:
        state = fold(state, event)
    return state


def _after(state: State, body: Body) -> State:
    match body:
        case (
            CallIntended() | CallAnswered() | CallRetried() | CallSwitched() | CallFailed()
            | ContextFolded() | ToolCalled() | ToolAnswered()
        ):  # fmt: skip
            return after_call(state, body)
        case BaselineTaken():
            owes = bool(state.dialogue) and state.known is None
            return replace(state, baseline=body, owes_baseline=owes)
        case Spoken():
            return replace(state, messages=(*state.messages, body.message), pending=())
        case Looked():
            return replace(state, pending=())
        case BudgetReached():
            return replace(state, exhausted=body)
        case FilesChanged():
            return _changed(state, body)
        case PatchProposed():
            return replace(state, proposed=body)
        case LandingPlanned():
            return replace(state, landing=body, landed=(), undone=(), taken_back=False, refused=None)
        case CommitMade() | CommitRefused():
            return replace(state, committed=body)
        case FileLanded():
            return replace(state, landed=(*state.landed, body.path))
        case LandingRefused():
            return replace(state, refused=body)
        case FileUndone():
            return state if body.left else _undone(state, body.path)
        case LandingUndone():
            return _landing_undone(state, body.step)
        case RunStopped():
            return replace(state, stopped=body)
        case RunOrigin():
            return state.forked(body) if body.step else replace(state, origin=body)
        case StepStarted():
            return _next_step(state, body)
        case RunResumed():
            return replace(
                state,
                settings=body.settings or state.settings,
                budget=body.budget,
                model=body.model,
                stopped=None,
                exhausted=None,
                empty_answers=0,
                results={},
                has_background=False,
                refused=None,
                committed=state.committed if isinstance(state.committed, CommitMade) else None,
            )
        case _:
            return state


def _waited_for_human(state: State, body: Body | None) -> bool:
    """Whether the time before this event was the user's, who may think as long as he wants."""
    match body:
        case RunResumed() | StepStarted():
            return True
        case CallIntended():  # one that the user asks for between two messages
            return state.stopped is not None
        case Spoken(message=Message(author=author)):
            return author == HUMAN
        case RunStopped(status="interrupted") | LandingRefused(by_human=True):
            return state.settings.chat and state.proposed is not None
        case _:
            return False


def _tested(state: State, body: Body | None) -> float:
    """Seconds before this event that went into tests which take long: these aren't the run's."""
    match body:
        case BaselineTaken(is_long=True):
            return body.seconds
        case ProgramFinished() if state.baseline is not None and state.baseline.is_long:
            return body.seconds
        case _:
            return 0.0


def _next_step(state: State, body: StepStarted) -> State:
    """The same run with nothing said yet about a further task; what was spent stays spent."""
    done = Step(
        task=state.task,
        messages=state.messages,
        landing=state.landing,
        landed=state.landed,
        proposed=state.proposed,
        refused=state.refused,
        stopped=state.stopped,
        taken_back=state.taken_back,
        committed=state.committed,
    )
    goes_on = bool(state.dialogue) and body.settings.strategy == "act"
    return replace(
        state,
        task=body.task,
        settings=body.settings,
        budget=body.settings.budget,
        model=body.model,
        steps=(*state.steps, done),
        baseline=None,
        owes_baseline=False,
        messages=(),
        pending=(),
        dialogue=state.dialogue if goes_on else (),
        known=state.worked if goes_on else None,
        speaks_text=state.speaks_text and goes_on,
        tree=state.open_work if goes_on else {},
        plan=state.plan if goes_on else "",
        left_out={},
        open_tool=None,
        results={},
        has_background=False,
        empty_answers=0,
        exhausted=None,
        proposed=None,
        landing=None,
        landed=(),
        committed=None,
        undone=(),
        refused=None,
        stopped=None,
        taken_back=False,
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


def _changed(state: State, body: FilesChanged) -> State:
    files = {**state.files, **listed(body.listing), **body.files}
    left = {path: file for path, file in files.items() if path not in body.gone}
    # What earlier answers have shown was about other files: none of them is the best any more.
    messages = tuple(
        message.model_copy(
            update={
                "outcome": message.outcome.model_copy(
                    update={"passed": False, "checks": (), "contradicts": ()}
                )
            }
        )
        if message.outcome is not None
        else message
        for message in state.messages
    )
    return replace(state, files=left, messages=messages, proposed=None, landing=None, landed=())
