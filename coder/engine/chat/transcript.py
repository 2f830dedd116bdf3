"""Transcript: a conversation as one JSON document, with the outcome of each message. Pure."""

import json

from pydantic import BaseModel

from coder.run.conversation import answer_in_words
from coder.run.event_types import RunStopped, Status
from coder.run.run import Run, Tokens, summarize
from coder.run.state import State


class MessageOutcome(BaseModel, frozen=True):
    """One message of the user and its outcome."""

    prompt: str
    status: Status
    reason: str
    answer: str | None
    """The model's answer, if it consists of words only."""
    patch: str
    """The patch that was written, or only shown."""
    landed: tuple[str, ...]
    """Written paths, even if they were undone."""
    taken_back: bool
    """Whether the change was undone with `/undo`."""
    exit_code: int


def document(state: State | None, *, exit_code: int, error: str | None) -> str:
    """Format a conversation as JSON: the Run of its latest message, and `messages`; null before the first."""
    fields: dict[str, object] = dict.fromkeys(Run.model_fields) | {"messages": []}
    if state is not None:
        messages = [_message_outcome(step).model_dump(mode="json") for step in steps_of(state)]
        fields = summarize(state).model_dump(mode="json") | {"messages": messages}
    return json.dumps(fields | {"error": error or fields["error"], "exit_code": exit_code}, indent=2)


def _message_outcome(step: State) -> MessageOutcome:
    stopped = step.progress.stopped or RunStopped(
        status="interrupted", reason="it was broken off", exit_code=130
    )
    answer = answer_in_words(step)
    return MessageOutcome(
        prompt=step.task.prompt,
        status=stopped.status,
        reason=stopped.reason,
        answer=answer.strip() if answer is not None else None,
        patch=step.landing.patch,
        landed=step.landing.written,
        taken_back=step.landing.taken_back,
        exit_code=0 if answer is not None else stopped.exit_code,  # an answer in words needs no verification
    )


def steps_of(state: State) -> list[State]:
    """Return all steps, including the current one."""
    return [*state.steps, state]


def run_of_message(state_before: State | None, run: Run) -> Run:
    """Return a conversation's run with the totals of its latest message alone."""
    if state_before is None:
        return run
    earlier = summarize(state_before)
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
