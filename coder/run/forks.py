"""Fork a run at a step: the events with which the new run begins."""

from collections.abc import Sequence

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import count_of, join_surrogates
from coder.run.event_types import AttemptStarted, RunOrigin, Spoken, ToolAnswered
from coder.run.events import Event
from coder.run.message import HUMAN, AnswerMessage
from coder.run.records.dialogue import Dialogue
from coder.run.records.landing import Landing
from coder.run.records.progress import Progress
from coder.run.records.questions import Questions
from coder.run.records.session import SessionRecord
from coder.run.records.spend import Spend
from coder.run.state import State, replace


def attempts_in(events: Sequence[Event]) -> list[str]:
    """Return the ids of the attempts that a run has made; a subagent's run isn't one."""
    starts = [event.body for event in events if event.type == AttemptStarted.type]
    return [body["run"] for body in starts if body.get("delegation") is None]


def forked(events: Sequence[Event], run: str, *, step: int) -> list[Event]:
    """Copy the events of a run up to a step for another run, and add an event with their origin.

    Args:
        run: the id of the new run.
        step: an answered tool call, from 1, as `coder show` numbers them.

    Raises:
        UsageError: the run has no such step, or has made attempts.
    """
    if not events:
        raise UsageError(f"There is no such run. See the runs with: {own_command()} ls")
    origin, step_ends = events[0].run, [event.seq for event in events if event.type == ToolAnswered.type]
    if attempts := attempts_in(events):
        raise UsageError(f"{origin} has made attempts. Name the one to fork: {', '.join(attempts)}")
    if not step_ends:
        raise UsageError(f"{origin} has no step to fork at: its model called no tool.")
    if not 1 <= step <= len(step_ends):
        count = count_of(len(step_ends), "step")
        raise UsageError(
            f"{origin} has {count}, so there is no step {step}. See: {own_command()} show {origin}"
        )
    copied = [event.model_copy(update={"run": run}) for event in events[: step_ends[step - 1]]]
    body = RunOrigin(run=origin, step=step).model_dump(mode="json")
    fields = {"seq": len(copied) + 1, "type": RunOrigin.type, "version": RunOrigin.version, "body": body}
    return [*copied, copied[-1].model_copy(update=fields)]


def spoken_words(state: State, words: str) -> tuple[Spoken, ...]:
    """Return the event with the user's message to a fork; empty if the message is empty."""
    if not words.strip():
        return ()
    message = AnswerMessage(author=HUMAN, text=join_surrogates(words.strip()))
    return (Spoken(message=message),)


def with_hook_notes(words: tuple[Spoken, ...], context: str) -> tuple[Spoken, ...]:
    """Return the user's messages, with the text of hooks appended to the last one."""
    if not words or not context.strip():
        return words
    message = words[-1].message
    text = f"{message.text}\n\n[From hooks, as context:\n{context.strip()}]"
    return (*words[:-1], Spoken(message=message.model_copy(update={"text": text})))


def state_of_fork(state: State, origin: RunOrigin) -> State:
    """Return a copy of a state for a fork: no conversation, and nothing spent or written."""
    progress, dialogue = state.progress, state.dialogue
    copied_session = SessionRecord(tree=dialogue.session.tree, left_out=dialogue.session.left_out)
    is_copy = dialogue.session.original is not None
    session = replace(copied_session, original=copied_session) if is_copy else copied_session
    return replace(
        state,
        settings=state.settings.model_copy(update={"chat": False}),
        steps=(),
        spend=Spend(budget=state.spend.budget),
        progress=Progress(
            seq=progress.seq,
            time=progress.time,
            messages=progress.messages,
            baseline=progress.baseline,
            origin=origin,
        ),
        dialogue=Dialogue(
            messages=dialogue.messages,
            participant=dialogue.participant,
            others=dialogue.others,
            unread=dialogue.unread,
            callers=dialogue.callers,
            is_text=dialogue.is_text,
            plan=dialogue.plan,
            is_untold=True,
            owes_baseline=dialogue.owes_baseline,
            session=session,
        ),
        landing=Landing(),
        questions=Questions(),
    )
