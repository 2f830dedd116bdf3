"""History: what a model is told of the earlier messages of a conversation, within a budget of tokens. Pure.

The newest is told most fully. Whatever the budget: what was asked first, the latest plan and the latest
failure stay; of what lies between, the oldest goes first, and is counted.
"""

from collections.abc import Callable, Sequence

from coder.context.quoting import fenced
from coder.models.model import ChatMessage
from coder.models.tokens import input_tokens
from coder.state import State
from coder.step import Step

_SHARE = 0.2
"""Of what a model can read; files, answers and failures need the rest."""
_USUAL_TOKENS, _LEAST_TOKENS, _MOST_TOKENS = 4_000, 400, 16_000
"""Where nobody knows what it can read; for a small model; for a large one."""
_REQUEST, _PATCH, _FAILURE, _WORDS = 2_000, 4_000, 1_500, 4_000
"""Characters that are quoted at most of one message, one change, one failure, one answer in words."""
_SHORT = 200
"""Of a message that has no more than a line left."""


def history_budget(context: int | None) -> int:
    """Tokens of history for a model that can read so many, prompt and answer together; None is unknown."""
    if context is None:
        return _USUAL_TOKENS
    return max(_LEAST_TOKENS, min(int(context * _SHARE), _MOST_TOKENS))


def history(state: State, *, budget: int) -> list[ChatMessage]:
    """The steps before this one as a dialogue, oldest first; empty where there are none.

    Args:
        budget: tokens, as `input_tokens` counts them, that all of it may have.
    """
    steps = state.steps
    if not steps:
        return []
    for full in range(len(steps), -1, -1):
        told = _told(steps, full=full, dropped=0)
        if input_tokens(told) <= budget:
            return told
    for dropped in range(1, len(steps)):
        told = _told(steps, full=0, dropped=dropped)
        if input_tokens(told) <= budget:
            return told
    return told


def _told(steps: Sequence[Step], *, full: int, dropped: int) -> list[ChatMessage]:
    """The dialogue with so many of the newest steps told fully, and so many behind the first left out."""
    kept = [steps[0], *steps[1 + dropped :]] if dropped else list(steps)
    failing = _latest(steps, _failure)
    planned = _latest(steps, _plan)
    messages: list[ChatMessage] = []
    for place, step in enumerate(kept):
        fully = place >= len(kept) - full
        said = _cut(step.task.prompt.strip(), _REQUEST if fully or place == 0 else _SHORT)
        parts = [_account(step, fully=fully)]
        if fully or step is planned:
            parts.insert(0, _plan(step))
        if fully or step is failing:
            parts.append(_failure(step))
        messages.append(ChatMessage(role="user", content=said))
        answer = "\n\n".join(part for part in parts if part)
        if place == 0 and dropped:
            answer += f"\n\n({dropped} of the messages that came next are left out here.)"
            for step in steps[1 : 1 + dropped]:
                answer += f"\n\n{_plan(step)}" if step is planned else ""
                answer += f"\n\n{_failure(step)}" if step is failing else ""
        messages.append(ChatMessage(role="assistant", content=answer))
    return messages


def _latest(steps: Sequence[Step], what: Callable[[Step], str]) -> Step | None:
    return next((step for step in reversed(steps) if what(step)), None)


def _plan(step: Step) -> str:
    plan = next((message.text for message in reversed(step.messages) if message.kind == "plan"), "")
    return f"Plan:\n{_cut(plan.strip(), _REQUEST)}" if plan.strip() else ""


def _failure(step: Step) -> str:
    """The last thing that failed, unless it was mended in the same step."""
    outcome = next((message.outcome for message in reversed(step.messages) if message.outcome), None)
    if outcome is None or outcome.passed or not outcome.feedback.strip():
        return ""
    return f"What failed last:\n{fenced(_cut(outcome.feedback.strip(), _FAILURE))}"


def _account(step: Step, *, fully: bool) -> str:
    """What came of a step: the answer in words, or what was changed, and whether that stands."""
    last = step.messages[-1] if step.messages else None
    if last is not None and last.kind == "reply":
        return _cut(last.text.strip(), _WORDS if fully else _SHORT)
    shown = f"\n{fenced(_cut(step.patch.rstrip(), _PATCH), 'diff')}" if fully and step.patch else ""
    if step.landed:
        names = ", ".join(step.landed)
        if step.taken_back:
            return f"Changed {names}. The user has taken that back: the files are as they were.{shown}"
        return f"Changed {names}.{shown}"
    if step.refused is not None and step.refused.by_human:
        return f"The user did not want this change, so nothing was written.{shown}"
    why = step.stopped.reason if step.stopped is not None else "it was broken off"
    return f"Nothing was changed: {why}.{shown}"


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"
