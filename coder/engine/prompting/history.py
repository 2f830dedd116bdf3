"""Quote the earlier messages of a conversation within a budget of tokens. Pure.

The first request is always quoted, and the newest step in the most detail. Between them, the oldest steps
are dropped first.
"""

from collections.abc import Sequence

from coder.context.quoting import fenced, shortened
from coder.models.model import ChatMessage
from coder.models.tokens import input_tokens
from coder.run.conversation import answer_in_words, before_talk
from coder.run.message import outcomes_in
from coder.run.state import State

_CONTEXT_SHARE = 0.2
"""Share of the model's context; files, answers and failures need the rest."""
_DEFAULT_TOKENS, _MIN_TOKENS, _MAX_TOKENS = 4_000, 400, 16_000
_REQUEST_CHARACTERS, _PATCH_CHARACTERS, _FAILURE_CHARACTERS, _WORDS_CHARACTERS = 2_000, 4_000, 1_500, 4_000
"""Longest quote in characters of a request, a patch, a failure, and an answer in words."""
_SHORT_CHARACTERS = 200
Dialogue = tuple[ChatMessage, ChatMessage]
"""One step: the user's request and its outcome."""


def history_budget(context: int | None) -> int:
    """Return the token limit of the history for a model with this context; None: unknown."""
    if context is None:
        return _DEFAULT_TOKENS
    return max(_MIN_TOKENS, min(int(context * _CONTEXT_SHARE), _MAX_TOKENS))


def history(state: State, *, budget: int) -> list[ChatMessage]:
    """Return the earlier steps as a dialogue of at most `budget` tokens, oldest first."""
    if not (steps := state.steps[state.dialogue.cleared_steps :]):
        return []
    first_step, *later_steps = steps
    tokens_left = budget - input_tokens([]) - _cost(_first_exchange(first_step, len(later_steps)))
    pairs: list[Dialogue] = []
    has_details = True
    for step in reversed(later_steps):
        pair = _exchange(step, fully=has_details)
        if has_details and _cost(pair) > tokens_left:
            has_details, pair = False, _exchange(step, fully=False)
        tokens_left -= _cost(pair)
        if tokens_left < 0:
            break
        pairs.append(pair)
    opening = _first_exchange(first_step, len(later_steps) - len(pairs))
    detailed_opening = _exchange(first_step, fully=True)
    if (
        has_details
        and len(pairs) == len(later_steps)
        and _cost(detailed_opening) <= tokens_left + _cost(opening)
    ):
        opening = detailed_opening
    dialogue = [opening, *reversed(pairs)]
    return [message for pair in dialogue for message in pair]


def full_exchange(step: State) -> tuple[str, str]:
    """Return the user's request of a step and its outcome, in full detail."""
    request, reply = _exchange(step, fully=True)
    return request.content, reply.content


def _cost(pair: Sequence[ChatMessage]) -> int:
    return input_tokens(pair) - input_tokens([])


def _exchange(step: State, *, fully: bool) -> Dialogue:
    prompt = step.task.prompt.strip()
    if not fully:
        return _dialogue(shortened(prompt, _SHORT_CHARACTERS), account(step, fully=False))
    plan = next((message.text for message in reversed(step.progress.messages) if message.kind == "plan"), "")
    messages = before_talk(step).progress.messages
    outcome = next(iter(outcomes_in(reversed(messages))), None)
    parts = [f"Plan:\n{shortened(plan.strip(), _REQUEST_CHARACTERS)}"] if plan.strip() else []
    parts.append(account(step, fully=True))
    if outcome is not None and not outcome.passed and outcome.feedback.strip():
        parts.append(f"What failed last:\n{fenced(shortened(outcome.feedback.strip(), _FAILURE_CHARACTERS))}")
    return _dialogue(shortened(prompt, _REQUEST_CHARACTERS), "\n\n".join(parts))


def _first_exchange(step: State, dropped: int) -> Dialogue:
    """Return the first request; its answer says how many later steps are left out."""
    answer = account(step, fully=False)
    if dropped:
        answer += f"\n\n({dropped} of the messages that came next are left out here.)"
    return _dialogue(shortened(step.task.prompt.strip(), _REQUEST_CHARACTERS), answer)


def _dialogue(request: str, answer: str) -> Dialogue:
    return ChatMessage(role="user", content=request), ChatMessage(role="assistant", content=answer)


def account(step: State, *, fully: bool) -> str:
    """Return a step's result: the answer in words, or the change and whether it was written."""
    patch = step.landing.patch
    if (words := answer_in_words(step)) is not None:
        return shortened(words.strip(), _WORDS_CHARACTERS if fully else _SHORT_CHARACTERS)
    patch_text = (
        f"\n{fenced(shortened(patch.rstrip(), _PATCH_CHARACTERS), 'diff')}" if fully and patch else ""
    )
    if step.landing.written:
        names = ", ".join(step.landing.written)
        if step.landing.taken_back:
            return f"Changed {names}. The user has taken that back: the files are as they were.{patch_text}"
        return f"Changed {names}.{patch_text}"
    if step.landing.refused is not None and step.landing.refused.by_human:
        return f"The user did not want this change, so nothing was written.{patch_text}"
    reason = step.progress.stopped.reason if step.progress.stopped is not None else "it was broken off"
    return f"Nothing was changed: {reason}.{patch_text}"
