"""Quote the messages of a team for one of its members. Pure."""

from collections.abc import Sequence

from coder.context.quoting import shortened, shown_path
from coder.run.conversation import is_rejection
from coder.run.message import CodeMessage, Message, OutcomeMessage, QuestionMessage
from coder.run.state import State
from coder.run.team_message import ChoiceMessage, LedgerMessage

_MAX_CHARACTERS = 8_000
"""Longest quote of one message in characters."""
_QUIET_KINDS = (ChoiceMessage, QuestionMessage)
"""Messages without information for a member."""


def visible(state: State, within: Sequence[str] = ()) -> tuple[Message, ...]:
    """Return the messages that a member of the team at the path `within` reads.

    These are all messages of its team, the last message of each nested team, and the latest messages of the
    teams around it.
    """
    reader_path, selection = tuple(within), []
    for message, next_message in zip(
        state.progress.messages, (*state.progress.messages[1:], None), strict=False
    ):
        origin = message.within
        if origin == reader_path:
            selection.append(message)
        elif origin[: len(reader_path)] == reader_path:
            nested_path = origin[: len(reader_path) + 1]
            is_last = next_message is None or next_message.within[: len(nested_path)] != nested_path
            selection += [message] if is_last else []
        elif reader_path[: len(origin)] == origin:
            is_last = next_message is None or len(next_message.within) > len(origin)
            selection += [message] if is_last else []
    return tuple(selection)


def thread_words(state: State, name: str, within: Sequence[str] = (), *, since: bool = False) -> str:
    """Return the messages of other members as text.

    Args:
        since: whether to leave out messages before the member's own latest message.
    """
    messages = visible(state, within)
    own_index = max((index for index, message in enumerate(messages) if message.author == name), default=-1)
    other_messages = [
        m for m in messages[own_index + 1 if since else 0 :] if m.kind != "plan" or m.author != "planner"
    ]
    return "\n\n".join(line for message in other_messages if (line := _quote(message, name)))


def _quote(message: Message, reader: str) -> str:
    if isinstance(message, _QUIET_KINDS):
        return ""
    text = shortened(message.text.strip(), _MAX_CHARACTERS)
    if is_rejection(message):
        return f"[The user does not want it like that, and says:]\n{text}"
    if isinstance(message, OutcomeMessage):
        result_text = "It passed." if message.outcome.passed else "It did not pass:"
        return f"[The code was run. {result_text}]\n{message.outcome.feedback}".strip()
    if isinstance(message, LedgerMessage):
        own_steps = [step.do for step in message.ledger.steps if step.member == reader]
        return "\n".join(filter(None, [message.ledger.facts, *(f"Your part: {do}" for do in own_steps)]))
    if isinstance(message, CodeMessage):
        changed_paths = ", ".join(map(shown_path, message.changes.texts))
        text = f"{text}\n[changed: {changed_paths}]" if changed_paths and "```" not in text else text
    author = "You" if message.author == reader else message.author
    return f"{author}:\n{text}" if text else ""
