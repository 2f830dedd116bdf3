"""The earlier messages of a conversation, within a budget of tokens. Pure.

The first request stays, and the newest step is told most fully. Between them, the oldest is left out first.
"""

from collections.abc import Sequence

from coder.context.quoting import fenced
from coder.engine.prompting.reprompt import shortened
from coder.models.model import ChatMessage
from coder.models.tokens import input_tokens
from coder.run.attempts import answer_in_words, before_talk
from coder.run.message import outcomes_in
from coder.run.state import State

_SHARE = 0.2
"""Of the model's context; files, answers and failures need the rest."""
_USUAL_TOKENS, _LEAST_TOKENS, _MOST_TOKENS = 4_000, 400, 16_000
_REQUEST, _PATCH, _FAILURE, _WORDS = 2_000, 4_000, 1_500, 4_000
"""Characters that are quoted at most of one message, one change, one failure, one answer in words."""
_SHORT = 200
Dialogue = tuple[ChatMessage, ChatMessage]
"""One step: the user's words and their outcome."""


def history_budget(context: int | None) -> int:
    """Tokens of history for a model with this context; None is unknown."""
    if context is None:
        return _USUAL_TOKENS
    return max(_LEAST_TOKENS, min(int(context * _SHARE), _MOST_TOKENS))


def history(state: State, *, budget: int) -> list[ChatMessage]:
    """The steps before this one as a dialogue of at most so many tokens, oldest first."""
    if not (steps := state.steps[state.dialogue.cleared_steps :]):
        return []
    first, *rest = steps
    room = budget - input_tokens([]) - _cost(_first(first, len(rest)))
    pairs: list[Dialogue] = []
    is_full = True
    for step in reversed(rest):
        pair = _told(step, fully=is_full)
        if is_full and _cost(pair) > room:
            is_full, pair = False, _told(step, fully=False)
        room -= _cost(pair)
        if room < 0:
            break
        pairs.append(pair)
    opening = _first(first, len(rest) - len(pairs))
    full = _told(first, fully=True)
    if is_full and len(pairs) == len(rest) and _cost(full) <= room + _cost(opening):
        opening = full
    dialogue = [opening, *reversed(pairs)]
    return [message for pair in dialogue for message in pair]


def told_whole(step: State) -> tuple[str, str]:
    """The user's words of a step, and its outcome."""
    request, reply = _told(step, fully=True)
    return request.content, reply.content


def _cost(pair: Sequence[ChatMessage]) -> int:
    return input_tokens(pair) - input_tokens([])


def _told(step: State, *, fully: bool) -> Dialogue:
    prompt = step.task.prompt.strip()
    if not fully:
        return _dialogue(shortened(prompt, _SHORT), account(step, fully=False))
    plan = next((message.text for message in reversed(step.progress.messages) if message.kind == "plan"), "")
    messages = before_talk(step).progress.messages
    outcome = next(iter(outcomes_in(reversed(messages))), None)
    parts = [f"Plan:\n{shortened(plan.strip(), _REQUEST)}"] if plan.strip() else []
    parts.append(account(step, fully=True))
    if outcome is not None and not outcome.passed and outcome.feedback.strip():
        parts.append(f"What failed last:\n{fenced(shortened(outcome.feedback.strip(), _FAILURE))}")
    return _dialogue(shortened(prompt, _REQUEST), "\n\n".join(parts))


def _first(step: State, dropped: int) -> Dialogue:
    """The first request, and how many of the steps behind it are left out."""
    answer = account(step, fully=False)
    if dropped:
        answer += f"\n\n({dropped} of the messages that came next are left out here.)"
    return _dialogue(shortened(step.task.prompt.strip(), _REQUEST), answer)


def _dialogue(request: str, answer: str) -> Dialogue:
    return ChatMessage(role="user", content=request), ChatMessage(role="assistant", content=answer)


def account(step: State, *, fully: bool) -> str:
    """The result of a step: the answer in words, or the change, and whether it stands."""
    patch = step.landing.patch
    if (words := answer_in_words(step)) is not None:
        return shortened(words.strip(), _WORDS if fully else _SHORT)
    patch_text = f"\n{fenced(shortened(patch.rstrip(), _PATCH), 'diff')}" if fully and patch else ""
    if step.landing.written:
        names = ", ".join(step.landing.written)
        if step.landing.taken_back:
            return f"Changed {names}. The user has taken that back: the files are as they were.{patch_text}"
        return f"Changed {names}.{patch_text}"
    if step.landing.refused is not None and step.landing.refused.by_human:
        return f"The user did not want this change, so nothing was written.{patch_text}"
    why = step.progress.stopped.reason if step.progress.stopped is not None else "it was broken off"
    return f"Nothing was changed: {why}.{patch_text}"
