"""Transcript: a conversation as one document: that of its latest message, and what came of each. Pure."""

from pydantic import BaseModel, ConfigDict

from coder.run.event_types import RunStopped, Status
from coder.run.message import Message
from coder.run.run import Run
from coder.run.state import State, Step
from coder.run.summary import summarize


class Said(BaseModel):
    """One message of the user's and what came of it."""

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


def _said(step: Step) -> Said:
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
