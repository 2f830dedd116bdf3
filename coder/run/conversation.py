"""Query a run's conversation with its user: rejections, answers in words, changes not yet written."""

from coder.run.message import HUMAN, CodeMessage, Message, OutcomeMessage, ReplyMessage
from coder.run.state import State


def is_rejection(message: Message) -> bool:
    """Whether the user rejects a change and says what to change."""
    return isinstance(message, OutcomeMessage) and message.author == HUMAN


def before_talk(state: State) -> State:
    """Return the state at the question about a change, without the later conversation about it."""
    messages = state.progress.messages
    while len(messages) > 1 and isinstance(messages[-1], ReplyMessage) and is_rejection(messages[-2]):
        messages = messages[:-2]
    return state if messages is state.progress.messages else state.with_messages(messages)


def answer_in_words(state: State) -> str | None:
    """Return the text that a task ended with; None if it ended with a decision on a change."""
    is_decided = state.landing.planned is not None or state.landing.refused is not None
    last_message = state.last
    return last_message.text if isinstance(last_message, ReplyMessage) and not is_decided else None


def since_rejection(state: State) -> tuple[Message, ...]:
    """Return the messages after the user's last rejection, or from the user's own version on.

    A rejection that the model answered in words doesn't count.
    """
    messages, next_kind = state.progress.messages, ""
    for index in range(len(messages) - 1, -1, -1):
        if is_rejection(messages[index]) and next_kind != "reply":
            return messages[index + 1 :]
        if messages[index].author == HUMAN and messages[index].kind == "code":
            return messages[index:]
        next_kind = messages[index].kind
    return messages


def unwritten(state: State) -> CodeMessage | None:
    """Return the latest change for the user's message if no change was written."""
    if state.landing.planned is not None and not state.landing.taken_back:
        return None
    return next((code for code in reversed(state.codes) if code.is_change), None)
