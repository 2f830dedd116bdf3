"""Dialogue: messages between a run and its model, and the session in which the model's tools work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coder.models.model import ChatMessage
from coder.run import event_types
from coder.run.records import session
from coder.run.records.record import Handlers, replace
from coder.run.records.session import SessionRecord
from coder.run.stored_file import StoredFile

if TYPE_CHECKING:
    from coder.run.records.before import Before


@dataclass(frozen=True, slots=True)
class UnreadMessage:
    """The user's latest message, if a dialogue doesn't contain it yet."""

    files: Mapping[str, StoredFile]
    """The files as the dialogue knows them."""
    steps: int = 0
    """Number of earlier messages that another dialogue has answered."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The dialogue of a model that calls tools."""

    messages: tuple[ChatMessage, ...] = ()
    """All messages and tool results, which the user's next message continues."""
    participant: str = "coder"
    """The participant in this dialogue."""
    others: Mapping[str, Dialogue] = field(default_factory=dict)
    """The paused dialogues of other participants, by name, without a session."""
    unread: UnreadMessage | None = None
    """None: the dialogue contains the user's latest message."""
    failed_tool: str = ""
    """The first tool of the latest answer whose call failed."""
    callers: frozenset[str] = frozenset()
    """Names of models that have called a tool."""
    is_text: bool = False
    """Whether the dialogue is in plain text, because its model accepts no tools."""
    plan: str = ""
    """Arguments of the latest valid call of `plan` (`plan.py`)."""
    cleared_steps: int = 0
    """Number of tasks, from the first, that the dialogue no longer contains."""
    is_untold: bool = False
    """Whether this is the dialogue of a fork whose model wasn't called yet."""
    owes_baseline: bool = False
    """Whether the next tool result must report the baseline, which came after the first request."""
    session: SessionRecord = field(default_factory=SessionRecord)

    def of(self, participant: str) -> Dialogue:
        """Return the dialogue that a participant continues, with the current one paused."""
        if participant == self.participant:
            return self
        others = {**self.others, self.participant: replace(self, others={}, session=SessionRecord())}
        dialogue = others.pop(participant, None) or Dialogue(participant=participant)
        return replace(
            dialogue,
            others=others,
            callers=self.callers,
            cleared_steps=self.cleared_steps,
            is_untold=self.is_untold,
            session=self.session,
        )

    def messages_of(self, participant: str) -> tuple[ChatMessage, ...]:
        """Return the messages of a participant's dialogue."""
        paused = self.others.get(participant)
        messages = self.messages if participant == self.participant else ()
        return paused.messages if paused is not None else messages

    def at_next_step(
        self, files: Mapping[str, StoredFile], tree: Mapping[str, StoredFile | None]
    ) -> Dialogue:
        """Return the coder's dialogue at the user's next message, unread in it and in the paused dialogues.

        Args:
            files: the user's files as known to a dialogue that has read everything so far.
            tree: changes of the session that were neither written nor refused.
        """
        coder_dialogue = self.of("coder")
        others = {name: _at_next_step(dialogue, files) for name, dialogue in coder_dialogue.others.items()}
        return replace(_at_next_step(coder_dialogue, files), others=others, session=SessionRecord(tree=tree))


def _at_next_step(dialogue: Dialogue, files: Mapping[str, StoredFile]) -> Dialogue:
    if not dialogue.messages:
        return dialogue
    old_unread = dialogue.unread
    unread = (
        UnreadMessage(old_unread.files, old_unread.steps + 1)
        if old_unread is not None
        else UnreadMessage(files)
    )
    return replace(dialogue, unread=unread, failed_tool="", owes_baseline=False)


def _begin_request(dialogue: Dialogue, body: event_types.CallIntended, state: Before) -> Dialogue:
    if not body.in_dialogue:
        return dialogue
    messages = (*dialogue.messages[: body.kept], *body.messages)
    return replace(dialogue, messages=messages, unread=None, is_untold=False, is_text=body.form is None)


def _add_answer(dialogue: Dialogue, body: event_types.CallAnswered, state: Before) -> Dialogue:
    if body.tool_calls and not body.is_written:
        dialogue = replace(dialogue, callers=dialogue.callers | {body.model, body.endpoint})
    request = state.spend.open_calls.get(body.call)
    if request is None or not request.in_dialogue:
        return dialogue
    answer = ChatMessage(role="assistant", content=body.text, tool_calls=body.tool_calls, opaque=body.opaque)
    return replace(dialogue, messages=(*dialogue.messages, answer), failed_tool="")


def _drop_pictures(dialogue: Dialogue, body: event_types.ModelCallFailed, state: Before) -> Dialogue:
    """Remove the last pictures from a refused dialogue, because they may be the reason."""
    messages = dialogue.messages
    last = max((index for index, message in enumerate(messages) if message.images), default=None)
    if body.error != "ModelRefused" or last is None:
        return dialogue
    stripped = messages[last].model_copy(update={"images": ()})
    return replace(dialogue, messages=(*messages[:last], stripped, *messages[last + 1 :]))


def _fold_context(dialogue: Dialogue, body: event_types.ContextFolded, state: Before) -> Dialogue:
    return replace(dialogue, messages=body.messages, is_text=dialogue.is_text or body.in_text)


def _add_result(dialogue: Dialogue, body: event_types.ToolAnswered, state: Before) -> Dialogue:
    call = dialogue.session.open_tool
    if call is not None and body.name == "plan":
        from coder.run.plan import plan_of

        if plan_of(call.arguments):
            dialogue = replace(dialogue, plan=call.arguments)
    if body.failed and not dialogue.failed_tool:
        dialogue = replace(dialogue, failed_tool=body.name)
    if not body.id:  # edits in the text of an answer, which have no result for the model
        return dialogue
    result = ChatMessage(role="tool", content=body.text, images=body.images, tool_call_id=body.id)
    return replace(dialogue, messages=(*dialogue.messages, result), owes_baseline=False)


def _owe_baseline(dialogue: Dialogue, body: event_types.BaselineTaken, state: Before) -> Dialogue:
    if not dialogue.messages or dialogue.unread is not None:
        return replace(dialogue, owes_baseline=False)
    return replace(dialogue, owes_baseline=dialogue.owes_baseline or not _is_same(state, body))


def _is_same(state: Before, body: event_types.BaselineTaken) -> bool:
    """Whether the second run of the tests ended like the first one, which the dialogue contains."""
    first = state.progress.baseline
    return first is not None and (first.tests, first.failures) == (body.tests, body.failures)


def _add_messages(dialogue: Dialogue, body: event_types.MessagesTaken, state: Before) -> Dialogue:
    if not dialogue.messages or dialogue.unread is not None:
        return dialogue  # its next request holds the whole task, with what was said
    message = ChatMessage(role="user", content=body.text)
    return replace(dialogue, messages=(*dialogue.messages, message))


def _take(dialogue: Dialogue, body: event_types.DialogueTaken, state: Before) -> Dialogue:
    return dialogue.of(body.participant)


def _clear(dialogue: Dialogue, body: event_types.DialogueCleared, state: Before) -> Dialogue:
    cleared = len(state.steps) + 1
    return replace(dialogue, messages=(), others={}, plan="", cleared_steps=cleared)


HANDLERS: Handlers = {
    event_types.CallIntended: _begin_request,
    event_types.CallAnswered: _add_answer,
    event_types.ModelCallFailed: _drop_pictures,
    event_types.ContextFolded: _fold_context,
    event_types.ToolAnswered: _add_result,
    event_types.BaselineTaken: _owe_baseline,
    event_types.MessagesTaken: _add_messages,
    event_types.DialogueTaken: _take,
    event_types.DialogueCleared: _clear,
}


def handle(dialogue: Dialogue, body: event_types.Body, state: Before) -> Dialogue:
    """Return the dialogue, with its session, after an event."""
    kind, old_session = type(body), dialogue.session
    if (handler := HANDLERS.get(kind)) is not None:
        dialogue = handler(dialogue, body, state)
    if (handler := session.HANDLERS.get(kind)) is not None:
        dialogue = replace(dialogue, session=handler(old_session, body, state))
    return dialogue
