"""Transcript: a conversation as one document: its latest message's, and the outcome of each. Pure."""

import json
from collections.abc import Mapping

from pydantic import BaseModel

from coder.run.attempts import answer_in_words
from coder.run.event_types import LandingPlanned, RunStopped, Status
from coder.run.run import Run, Tokens, summarize
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.workspace.diff import unified_diff


class Said(BaseModel, frozen=True):
    """One message of the user and its outcome."""

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


def document(state: State | None, *, exit_code: int, error: str | None) -> str:
    """Format a conversation as JSON: a Run of its latest message, and `messages`; null before the first."""
    fields: dict[str, object] = dict.fromkeys(Run.model_fields) | {"messages": []}
    if state is not None:
        messages = [_said(step).model_dump(mode="json") for step in steps_of(state)]
        fields = summarize(state).model_dump(mode="json") | {"messages": messages}
    return json.dumps(fields | {"error": error or fields["error"], "exit_code": exit_code}, indent=2)


def _said(step: State) -> Said:
    stopped = step.progress.stopped or RunStopped(
        status="interrupted", reason="it was broken off", exit_code=130
    )
    answer = answer_in_words(step)
    return Said(
        prompt=step.task.prompt,
        status=stopped.status,
        reason=stopped.reason,
        answer=answer.strip() if answer is not None else None,
        patch=step.landing.patch,
        landed=step.landing.written,
        taken_back=step.landing.taken_back,
        exit_code=0 if answer is not None else stopped.exit_code,  # words need nothing that checks them
    )


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
    landings = [one.landing for one in steps_of(state)]
    return [one.planned for one in landings if one.planned is not None and not one.taken_back]


def steps_of(state: State) -> list[State]:
    """All messages, the latest as the state has it."""
    return [*state.steps, state]


def of_one_message(before: State | None, run: Run) -> Run:
    """Return a conversation's run with the sums of its latest message alone."""
    if before is None:
        return run
    earlier = summarize(before)
    tokens = {name: getattr(run.tokens, name) - getattr(earlier.tokens, name) for name in Tokens.model_fields}
    is_priced = run.cost is not None and earlier.cost is not None
    return run.model_copy(
        update={
            "calls": run.calls - earlier.calls,
            "tokens": Tokens(**tokens),
            "cost": (run.cost or 0.0) - (earlier.cost or 0.0) if is_priced else None,
            "seconds": run.seconds - earlier.seconds,
            "test_seconds": run.test_seconds - earlier.test_seconds,
        }
    )
