"""Dialogue: the messages between a run and its model, and the session in which the model's tools act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coder.models.model import ChatMessage
from coder.run import event_types
from coder.run.records import session
from coder.run.records.record import Handlers, replace
from coder.run.records.session import SessionRecord
from coder.run.records.spend import Spend
from coder.run.stored_file import StoredFile


@dataclass(frozen=True, slots=True)
class UnreadMessage:
    """The user's latest message, which a dialogue doesn't hold yet."""

    files: Mapping[str, StoredFile]
    """The files that the dialogue knows."""
    steps: int = 0
    """Messages before the latest one that another dialogue has answered."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The dialogue of a model that calls tools."""

    messages: tuple[ChatMessage, ...] = ()
    """All messages and tool results; the user's next message continues them."""
    participant: str = "coder"
    """Whose dialogue it is."""
    others: Mapping[str, Dialogue] = field(default_factory=dict)
    """The dialogues of other participants, by name; they wait, and have no session."""
    unread: UnreadMessage | None = None
    """None: the dialogue holds the user's latest message."""
    failed_tool: str = ""
    """The first tool of the latest answer whose call failed."""
    callers: frozenset[str] = frozenset()
    """Models that have called a tool."""
    is_text: bool = False
    """Its model takes no tools: it is sent and answers plain text."""
    plan: str = ""
    """Arguments of the latest valid call of `plan` (`plan.py`)."""
    cleared_steps: int = 0
    """Tasks, from the first one on, that the dialogue no longer knows."""
    is_untold: bool = False
    """It is that of a fork whose model hasn't been asked yet."""
    owes_baseline: bool = False
    """The baseline was known only after the first request: the next result of a tool tells it."""
    session: SessionRecord = field(default_factory=SessionRecord)

    def of(self, participant: str) -> Dialogue:
        """This participant's dialogue; the present one waits."""
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
        """The messages of this participant's dialogue."""
        waiting = self.others.get(participant)
        own = self.messages if participant == self.participant else ()
        return waiting.messages if waiting is not None else own

    def at_next_step(
        self, files: Mapping[str, StoredFile], tree: Mapping[str, StoredFile | None]
    ) -> Dialogue:
        """The dialogues at the user's next message, which none of them holds; the Coder's is the first.

        Args:
            files: the user's, as the dialogues that hold the latest message know them.
            tree: what the session has changed and the user has neither got nor refused.
        """
        first = self.of("coder")
        others = {name: _at_next_step(one, files) for name, one in first.others.items()}
        return replace(_at_next_step(first, files), others=others, session=SessionRecord(tree=tree))


def _at_next_step(dialogue: Dialogue, files: Mapping[str, StoredFile]) -> Dialogue:
    if not dialogue.messages:
        return dialogue
    before = dialogue.unread
    unread = UnreadMessage(before.files, before.steps + 1) if before is not None else UnreadMessage(files)
    return replace(dialogue, unread=unread, failed_tool="", owes_baseline=False)


class _Before(Protocol):
    """The state before an event, as far as handlers read it here."""

    @property
    def spend(self) -> Spend: ...
    @property
    def steps(self) -> Sequence[object]: ...


def _begin_request(dialogue: Dialogue, body: event_types.CallIntended, state: _Before) -> Dialogue:
    if not body.in_dialogue:
        return dialogue
    messages = (*dialogue.messages[: body.kept], *body.messages)
    return replace(dialogue, messages=messages, unread=None, is_untold=False, is_text=body.form is None)


def _add_answer(dialogue: Dialogue, body: event_types.CallAnswered, state: _Before) -> Dialogue:
    if body.tool_calls:
        dialogue = replace(dialogue, callers=dialogue.callers | {body.model})
    request = state.spend.open_calls.get(body.call)
    if request is None or not request.in_dialogue:
        return dialogue
    answer = ChatMessage(role="assistant", content=body.text, tool_calls=body.tool_calls, opaque=body.opaque)
    return replace(dialogue, messages=(*dialogue.messages, answer), failed_tool="")


def _drop_pictures(dialogue: Dialogue, body: event_types.ModelCallFailed, state: _Before) -> Dialogue:
    """Leave the last pictures out of a dialogue that was refused: they may be the reason."""
    messages = dialogue.messages
    at = max((i for i, message in enumerate(messages) if message.images), default=None)
    if body.error != "ModelRefused" or at is None:
        return dialogue
    without = messages[at].model_copy(update={"images": ()})
    return replace(dialogue, messages=(*messages[:at], without, *messages[at + 1 :]))


def _fold_context(dialogue: Dialogue, body: event_types.ContextFolded, state: _Before) -> Dialogue:
    return replace(dialogue, messages=body.messages, is_text=dialogue.is_text or body.in_text)


def _add_result(dialogue: Dialogue, body: event_types.ToolAnswered, state: _Before) -> Dialogue:
    call = dialogue.session.open_tool
    if call is not None and body.name == "plan":
        from coder.run.plan import plan_of

        if plan_of(call.arguments):
            dialogue = replace(dialogue, plan=call.arguments)
    if body.failed and not dialogue.failed_tool:
        dialogue = replace(dialogue, failed_tool=body.name)
    if not body.id:  # edits in the text of an answer, of which the model is told nothing
        return dialogue
    result = ChatMessage(role="tool", content=body.text, images=body.images, tool_call_id=body.id)
    return replace(dialogue, messages=(*dialogue.messages, result), owes_baseline=False)


def _owe_baseline(dialogue: Dialogue, body: event_types.BaselineTaken, state: _Before) -> Dialogue:
    return replace(dialogue, owes_baseline=bool(dialogue.messages) and dialogue.unread is None)


def _take(dialogue: Dialogue, body: event_types.DialogueTaken, state: _Before) -> Dialogue:
    return dialogue.of(body.participant)


def _clear(dialogue: Dialogue, body: event_types.DialogueCleared, state: _Before) -> Dialogue:
    cleared = len(state.steps) + 1
    return replace(dialogue, messages=(), others={}, plan="", cleared_steps=cleared)


HANDLERS: Handlers = {
    event_types.CallIntended: _begin_request,
    event_types.CallAnswered: _add_answer,
    event_types.ModelCallFailed: _drop_pictures,
    event_types.ContextFolded: _fold_context,
    event_types.ToolAnswered: _add_result,
    event_types.BaselineTaken: _owe_baseline,
    event_types.DialogueTaken: _take,
    event_types.DialogueCleared: _clear,
}


def handle(dialogue: Dialogue, body: event_types.Body, state: _Before) -> Dialogue:
    """The dialogue, with its session, after one more event."""
    kind, was = type(body), dialogue.session
    if (handler := HANDLERS.get(kind)) is not None:
        dialogue = handler(dialogue, body, state)
    if (handler := session.HANDLERS.get(kind)) is not None:
        dialogue = replace(dialogue, session=handler(was, body, state))
    return dialogue
