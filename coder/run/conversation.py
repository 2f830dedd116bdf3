"""Query a run's conversation with its user: rejections, answers in words, changes not yet written."""

from collections.abc import Sequence

from coder.run.message import HUMAN, CodeMessage, Message, OutcomeMessage, ReplyMessage
from coder.run.state import State


def is_rejection(message: Message) -> bool:
    """Whether the user rejects a change and says what to change."""
    return isinstance(message, OutcomeMessage) and message.author == HUMAN


def is_asked_about_change(state: State) -> bool:
    """Whether the model's next answer is to the user's words about its change."""
    return state.last is not None and is_rejection(state.last)


def request_to_answer(state: State) -> str:
    """Return what the user wants answered now: their words about the change, or the task."""
    return state.last.text if state.last and is_asked_about_change(state) else state.task.prompt


def before_talk(state: State) -> State:
    """Return the state at the question about a change, without the later conversation about it."""
    messages = state.progress.messages
    while (start := _last_rejection(messages)) is not None and _is_talk(messages, start, len(messages)):
        messages = messages[:start]
    return state if messages is state.progress.messages else state.with_messages(messages)


def before_rejection(state: State) -> State:
    """Return the state at the user's last rejection; the same state if there is none."""
    start = _last_rejection(state.progress.messages)
    return state if start is None else state.with_messages(state.progress.messages[:start])


def _last_rejection(messages: Sequence[Message]) -> int | None:
    """Return the index of the user's last rejection."""
    return next((index for index in reversed(range(len(messages))) if is_rejection(messages[index])), None)


def _is_talk(messages: Sequence[Message], start: int, end: int) -> bool:
    """Whether the messages between a rejection and `end` answer it without another change, so that the
    earlier one stays.

    An answer in words does so, as does an answer or `done` that leaves the code as it was.
    """
    answers = messages[start + 1 : end]
    if not answers or not (isinstance(answers[-1], ReplyMessage | OutcomeMessage) or _repeats(answers[-1])):
        return False
    codes = [message for message in answers if isinstance(message, CodeMessage) and message.is_change]
    has_earlier = any(isinstance(message, CodeMessage) for message in messages[:start])
    return has_earlier and all(code.repeats for code in codes)


def _repeats(message: Message) -> bool:
    return isinstance(message, CodeMessage) and message.repeats


def reply_about_change(state: State) -> str:
    """Return the model's words in a conversation about a change; empty if there are none."""
    last_message = state.last
    if before_talk(state) is state or not isinstance(last_message, ReplyMessage | CodeMessage):
        return ""
    return last_message.text if isinstance(last_message, ReplyMessage) else words_before_code(last_message)


def words_before_code(code: CodeMessage) -> str:
    """Return the text of an answer before its first code block, without the block's path."""
    words, block, _ = code.text.partition("```")
    lines = words.strip().splitlines()
    if block and lines and len(lines[-1].split()) == 1:
        del lines[-1]
    return "\n".join(lines).strip()


def codes_since_rejected(state: State) -> Sequence[CodeMessage]:
    """Return the code that the user's last rejection is about and all later ones; without one, all codes."""
    messages = state.progress.messages
    start = _last_rejection(messages) or 0
    rejected = [message for message in messages[:start] if isinstance(message, CodeMessage)][-1:]
    return [*rejected, *(message for message in messages[start:] if isinstance(message, CodeMessage))]


def answer_in_words(state: State) -> str | None:
    """Return the text that a task ended with; None if it ended with a decision on a change."""
    is_decided = state.landing.planned is not None or state.landing.refused is not None
    last_message = state.last
    return last_message.text if isinstance(last_message, ReplyMessage) and not is_decided else None


def since_rejection(state: State) -> tuple[Message, ...]:
    """Return the messages after the user's last rejection, or from the user's own version on.

    A rejection after which the model made no other change doesn't count.
    """
    messages = state.progress.messages
    end = len(messages)
    for index in range(len(messages) - 1, -1, -1):
        if is_rejection(messages[index]):
            if not _is_talk(messages, index, end):
                return messages[index + 1 :]
            end = index
        elif messages[index].author == HUMAN and messages[index].kind == "code":
            return messages[index:]
    return messages


def unwritten(state: State) -> CodeMessage | None:
    """Return the latest change for the user's message if no change was written."""
    if state.landing.planned is not None and not state.landing.taken_back:
        return None
    return next((code for code in reversed(state.codes) if code.is_change), None)
