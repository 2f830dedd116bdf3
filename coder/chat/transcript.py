"""Transcript: a conversation as one document: its latest message's, and the outcome of each. Pure."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from coder.run.event_types import LandingPlanned, RunStopped, Status
from coder.run.message import Message
from coder.run.run import Run, Tokens, summarize
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.workspace.diff import unified_diff


class Said(BaseModel):
    """One message of the user and its outcome."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    status: Status
    reason: str
    answer: str | None
    """What the model said, where words alone were its answer."""
    patch: str
    """What was written, or only shown."""
    landed: tuple[str, ...]
    """Also where it was taken back."""
    taken_back: bool
    """By `/undo`."""
    exit_code: int


class Transcript(Run):
    """A Run with all messages; its other fields are about the latest, its sums about all of them."""

    messages: tuple[Said, ...]


def transcript(state: State) -> Transcript:
    """The document of a conversation as it stands."""
    run = summarize(state)
    latest = Said(
        prompt=state.task.prompt,
        status=run.status,
        reason=run.reason,
        answer=_answer(state.messages),
        patch=run.patch,
        landed=state.landed,
        taken_back=state.taken_back,
        exit_code=_code(state.messages, run.exit_code),
    )
    said = (*map(_said, state.steps), latest)
    return Transcript(**{name: getattr(run, name) for name in Run.model_fields}, messages=said)


def _said(step: State) -> Said:
    stopped = step.stopped or RunStopped(status="interrupted", reason="it was broken off", exit_code=130)
    return Said(
        prompt=step.task.prompt,
        status=stopped.status,
        reason=stopped.reason,
        answer=_answer(step.messages),
        patch=step.patch,
        landed=step.landed,
        taken_back=step.taken_back,
        exit_code=_code(step.messages, stopped.exit_code),
    )


def _code(messages: tuple[Message, ...], code: int) -> int:
    """An answer in words needs nothing that checks it."""
    return 0 if _answer(messages) is not None else code


def _answer(messages: tuple[Message, ...]) -> str | None:
    last = messages[-1] if messages else None
    return last.text.strip() if last is not None and last.kind == "reply" else None


def written(state: State, now: Mapping[str, StoredFile]) -> str:
    """The diff from what stood in its files before to what is there `now`, without what was taken back."""
    before: dict[str, bytes | None] = {}
    for landing in standing_landings(state):
        for change in landing.plan.changes:
            old = landing.before.get(change.path)
            before.setdefault(change.path, old.content if old is not None else None)
    return unified_diff(before, {path: now[path].content if path in now else None for path in before})


def standing_landings(state: State) -> list[LandingPlanned]:
    """What was written and not taken back, in order."""
    return [one.landing for one in steps_of(state) if one.landing is not None and not one.taken_back]


def steps_of(state: State) -> list[State]:
    """All messages, the latest as the state has it."""
    return [*state.steps, state]


def of_one_message(before: State | None, run: Run) -> Run:
    """A conversation's run with the sums of its latest message alone."""
    if before is None:
        return run
    earlier = summarize(before)
    tokens = {name: getattr(run.tokens, name) - getattr(earlier.tokens, name) for name in Tokens.model_fields}
    known = run.cost is not None and earlier.cost is not None
    return run.model_copy(
        update={
            "calls": run.calls - earlier.calls,
            "tokens": Tokens(**tokens),
            "cost": (run.cost or 0.0) - (earlier.cost or 0.0) if known else None,
            "seconds": run.seconds - earlier.seconds,
        }
    )
