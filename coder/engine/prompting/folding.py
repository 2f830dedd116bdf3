"""Folding: shorten a dialogue that outgrows its model's context, in one step. Pure.

The first messages, which hold the task, and the last answers with their results stay unchanged. Older
results are reduced to a line each; if that isn't enough, the oldest answers and their results are dropped.
"""

from collections.abc import Sequence

from coder.context.quoting import tokens
from coder.models.model import ChatMessage
from coder.models.tokens import picture_tokens, shorten_longest

_DEFAULT_TOKENS = 128_000
"""Tokens of an unknown context."""
_FULL_SHARE, _FOLDED_SHARE = 0.8, 0.4
"""Shares of the context: a dialogue above the first is folded down to the second."""
_KEPT_RESULTS = 5
_SHORT_CHARACTERS = 300
"""Longest result in characters that isn't shortened."""


def is_too_long(dialogue: Sequence[ChatMessage], window: int | None) -> bool:
    """Return whether a dialogue nearly fills the context window (tokens) of its model."""
    return _size(dialogue) > _FULL_SHARE * (window or _DEFAULT_TOKENS)


def shortened_dialogue(
    dialogue: list[ChatMessage], window: int | None, *, plan: str
) -> list[ChatMessage] | None:
    """Return the dialogue folded, or cut if `window` is None; None if nothing can be left out."""
    shorter = folded(dialogue, window, plan=plan)
    if shorter != dialogue:
        return shorter
    return shorten_longest(dialogue) if window is None else None


def folded(dialogue: Sequence[ChatMessage], window: int | None, *, plan: str = "") -> list[ChatMessage]:
    """Return the dialogue folded to 40 % of the window's tokens; if the window is None, of its own tokens.

    Args:
        plan: arguments of the latest call of `plan`, quoted if that call is dropped.
    """
    max_tokens = _FOLDED_SHARE * (window or _size(dialogue))
    start = next(
        (index for index, message in enumerate(dialogue) if message.role == "assistant"), len(dialogue)
    )
    head, later = list(dialogue[:start]), list(dialogue[start:])
    kept_roles = ("user", "assistant") if any(message.role == "tool" for message in later) else ("assistant",)
    results = [index for index, message in enumerate(later) if message.role not in kept_roles]
    for index in results[:-_KEPT_RESULTS]:
        later[index] = _shorten_result(later[index])
    answers = [index for index, message in enumerate(later) if message.role == "assistant"]
    candidates = [0, *answers[1:-_KEPT_RESULTS]]
    cut = next(
        (index for index in candidates if _size([*head, *later[index:]]) <= max_tokens), candidates[-1]
    )
    if cut:
        dropped_count = sum(message.role == "assistant" for message in later[:cut])
        note = (
            f"[{dropped_count} earlier answers and their results are left out; "
            "the files hold what they changed.]"
        )
        first_result = later[cut + 1].model_copy(update={"content": f"{note}\n{later[cut + 1].content}"})
        later = [later[cut], first_result, *later[cut + 2 :]]
    return _with_plan([*head, *later], plan)


def _with_plan(dialogue: list[ChatMessage], arguments: str) -> list[ChatMessage]:
    """Return the dialogue with the plan added to its last result or user message, unless it is there."""
    if not arguments or any(
        call.arguments == arguments for message in dialogue for call in message.tool_calls
    ):
        return dialogue
    from coder.run.plan import plan_of

    lines = plan.lines if (plan := plan_of(arguments)) is not None else []
    plan_text = "\n".join(["[Your plan, as you gave it last:", *lines]) + "]"
    if any(plan_text in message.content for message in dialogue):
        return dialogue
    last_index = max(index for index, message in enumerate(dialogue) if message.role != "assistant")
    dialogue[last_index] = dialogue[last_index].model_copy(
        update={"content": f"{dialogue[last_index].content}\n{plan_text}"}
    )
    return dialogue


def _shorten_result(message: ChatMessage) -> ChatMessage:
    if len(message.content) <= _SHORT_CHARACTERS:
        return message.model_copy(update={"images": ()}) if message.images else message
    last_line = message.content.rstrip().rpartition("\n")[2][:_SHORT_CHARACTERS]
    text = f"[{len(message.content)} characters of this result are left out. Its last line: {last_line}]"
    return message.model_copy(update={"content": text, "images": ()})


def _size(dialogue: Sequence[ChatMessage]) -> int:
    calls = [call.arguments for message in dialogue for call in message.tool_calls]
    pictures = sum(picture_tokens(image) for message in dialogue for image in message.images)
    return pictures + sum(tokens(text) for text in [*calls, *(message.content for message in dialogue)])
