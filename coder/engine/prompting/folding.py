"""Folding: shorten a dialogue that outgrows its model's context, in one step. Pure.

The first messages, which hold the task, and the last answers with their results stay as they are. Older
results become a line each; if that isn't enough, the oldest answers go with theirs.
"""

from collections.abc import Sequence

from coder.context.quoting import tokens
from coder.models.model import ChatMessage

_UNKNOWN = 128_000
"""Tokens of an unknown context."""
_FULL, _FOLDED = 0.8, 0.4
"""Shares of that from which on a dialogue is folded, and to which it is."""
_KEPT_RESULTS = 5
_PER_PICTURE = 2000
"""Tokens."""
_SHORT = 300
"""Characters of a result that stays whole."""


def is_too_long(talk: Sequence[ChatMessage], window: int | None) -> bool:
    """Whether a dialogue comes near the context window (tokens) of its model."""
    return _size(talk) > _FULL * (window or _UNKNOWN)


def folded(talk: Sequence[ChatMessage], window: int | None, *, plan: str = "") -> list[ChatMessage]:
    """The dialogue with at most 40 % of the window's tokens; None takes its own size for the window.

    Args:
        plan: arguments of the latest call of `plan`, quoted where that call is left out.
    """
    most = _FOLDED * (window or _size(talk))
    start = next((i for i, message in enumerate(talk) if message.role == "assistant"), len(talk))
    head, rest = list(talk[:start]), list(talk[start:])
    own = ("user", "assistant") if any(message.role == "tool" for message in rest) else ("assistant",)
    results = [i for i, message in enumerate(rest) if message.role not in own]
    for i in results[:-_KEPT_RESULTS]:
        rest[i] = _in_a_line(rest[i])
    answers = [i for i, message in enumerate(rest) if message.role == "assistant"]
    candidates = [0, *answers[1:-_KEPT_RESULTS]]
    cut = next((i for i in candidates if _size([*head, *rest[i:]]) <= most), candidates[-1])
    if cut:
        gone = sum(message.role == "assistant" for message in rest[:cut])
        note = f"[{gone} earlier answers and their results are left out; the files hold what they changed.]"
        first = rest[cut + 1].model_copy(update={"content": f"{note}\n{rest[cut + 1].content}"})
        rest = [rest[cut], first, *rest[cut + 2 :]]
    return _with_plan([*head, *rest], plan)


def _with_plan(talk: list[ChatMessage], arguments: str) -> list[ChatMessage]:
    """The dialogue with the plan below its last result, or words of ours, unless it is quoted already."""
    if not arguments or any(call.arguments == arguments for message in talk for call in message.tool_calls):
        return talk
    from coder.run.plan import plan_of

    lines = plan.lines if (plan := plan_of(arguments)) is not None else []
    words = "\n".join(["[Your plan, as you gave it last:", *lines]) + "]"
    if any(words in message.content for message in talk):
        return talk
    last = max(i for i, message in enumerate(talk) if message.role != "assistant")
    talk[last] = talk[last].model_copy(update={"content": f"{talk[last].content}\n{words}"})
    return talk


def _in_a_line(message: ChatMessage) -> ChatMessage:
    if len(message.content) <= _SHORT:
        return message.model_copy(update={"images": ()}) if message.images else message
    last = message.content.rstrip().rpartition("\n")[2][:_SHORT]
    text = f"[{len(message.content)} characters of this result are left out. Its last line: {last}]"
    return message.model_copy(update={"content": text, "images": ()})


def _size(talk: Sequence[ChatMessage]) -> int:
    calls = [call.arguments for message in talk for call in message.tool_calls]
    pictures = _PER_PICTURE * sum(len(message.images) for message in talk)
    return pictures + sum(tokens(text) for text in [*calls, *(message.content for message in talk)])
