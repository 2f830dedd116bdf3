"""What members of a team have said, as one of them reads it. Pure."""

from collections.abc import Sequence

from coder.context.quoting import shown_path
from coder.engine.prompting.reprompt import shortened
from coder.run.attempts import is_rejection
from coder.run.message import (
    ChoiceMessage,
    CodeMessage,
    LedgerMessage,
    Message,
    OutcomeMessage,
    QuestionMessage,
)
from coder.run.state import State

_MOST = 8_000
"""Characters of one message."""
_QUIET = (ChoiceMessage, QuestionMessage)
"""Kinds that tell a member nothing: who speaks next, what an answer follows."""


def visible(state: State, within: Sequence[str] = ()) -> tuple[Message, ...]:
    """The messages that a member of the team at this place reads.

    Those of its own team, of a nested team the last one only, and of the teams around it what was said last.
    """
    place, selection = tuple(within), []
    for message, after in zip(state.progress.messages, (*state.progress.messages[1:], None), strict=False):
        origin = message.within
        if origin == place:
            selection.append(message)
        elif origin[: len(place)] == place:
            inner = origin[: len(place) + 1]
            is_last = after is None or after.within[: len(inner)] != inner
            selection += [message] if is_last else []
        elif place[: len(origin)] == origin:
            is_last = after is None or len(after.within) > len(origin)
            selection += [message] if is_last else []
    return tuple(selection)


def thread_words(state: State, name: str, within: Sequence[str] = (), *, since: bool = False) -> str:
    """What others have said; `since`: since this member's own latest message."""
    messages = visible(state, within)
    own = max((i for i, message in enumerate(messages) if message.author == name), default=-1)
    others = [m for m in messages[own + 1 if since else 0 :] if m.kind != "plan" or m.author != "planner"]
    return "\n\n".join(line for message in others if (line := _told(message, name)))


def _told(message: Message, reader: str) -> str:
    if isinstance(message, _QUIET):
        return ""
    text = shortened(message.text.strip(), _MOST)
    if is_rejection(message):
        return f"[The user does not want it like that, and says:]\n{text}"
    if isinstance(message, OutcomeMessage):
        how = "It passed." if message.outcome.passed else "It did not pass:"
        return f"[The code was run. {how}]\n{message.outcome.feedback}".strip()
    if isinstance(message, LedgerMessage):
        own = [step.do for step in message.ledger.steps if step.member == reader]
        return "\n".join(filter(None, [message.ledger.facts, *(f"Your part: {do}" for do in own)]))
    if isinstance(message, CodeMessage):
        changed = ", ".join(map(shown_path, message.changes.texts))
        text = f"{text}\n[changed: {changed}]" if changed and "```" not in text else text
    who = "You" if message.author == reader else message.author
    return f"{who}:\n{text}" if text else ""
