"""History: what a model is told of the earlier messages of a conversation, within a budget of tokens. Pure.

The newest is told most fully. Whatever the budget: what was asked first, the latest plan and the latest
failure stay; of what lies between, the oldest goes first, and is counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coder.context.quoting import fenced
from coder.models.model import ChatMessage
from coder.models.tokens import input_tokens
from coder.run.state import State

_SHARE = 0.2
"""Of what a model can read; files, answers and failures need the rest."""
_USUAL_TOKENS, _LEAST_TOKENS, _MOST_TOKENS = 4_000, 400, 16_000
"""Where nobody knows what it can read; for a small model; for a large one."""
_REQUEST, _PATCH, _FAILURE, _WORDS = 2_000, 4_000, 1_500, 4_000
"""Characters that are quoted at most of one message, one change, one failure, one answer in words."""
_SHORT = 200
"""Of a message that has no more than a line left."""
Dialogue = tuple[ChatMessage, ChatMessage]
"""One step: what the user said, and what came of it."""


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
    kept = _Kept(planned=_latest(steps, _plan), failing=_latest(steps, _failure))
    room = budget - input_tokens([])
    # No message is shorter than an empty one, so that of a long conversation only its end is looked at.
    dropped = max(0, len(steps) - 1 - max(0, room) // _cost(_dialogue("", "")))
    rest = steps[1 + dropped :]
    short = [kept.told(step, fully=False) for step in rest]
    if not dropped:
        least = [kept.told(steps[0], fully=False, is_first=True), *short]
        most = [kept.told(step, fully=True) for step in steps]
        if (count := _fitting(least, most, room)) is not None:
            place = len(steps) - count
            return [message for pair in (*least[:place], *most[place:]) for message in pair]
    left = sum(map(_cost, short))
    for place, pair in enumerate(short):
        first_pair = kept.told_first(steps, dropped + place) if left < room else None
        if first_pair is not None and _cost(first_pair) + left <= room:
            return [message for pair in (first_pair, *short[place:]) for message in pair]
        left -= _cost(pair)
    return list(kept.told_first(steps, len(steps) - 1))


def _fitting(short: Sequence[Dialogue], full: Sequence[Dialogue], room: int) -> int | None:
    """How many of the newest can be told fully, the others shortly; None where there is no room for all."""
    costs = [(_cost(one), _cost(other)) for one, other in zip(short, full, strict=True)]
    needed = sum(more for _, more in costs)
    for count, (less, more) in zip(range(len(costs), 0, -1), costs, strict=True):
        if needed <= room:
            return count
        needed += less - more
    return 0 if needed <= room else None


def _cost(pair: Dialogue) -> int:
    return input_tokens(pair) - input_tokens([])


def _dialogue(said: str, answer: str) -> Dialogue:
    return ChatMessage(role="user", content=said), ChatMessage(role="assistant", content=answer)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The steps of which something is told whatever the budget."""

    planned: State | None
    failing: State | None

    def told(self, step: State, *, fully: bool, is_first: bool = False) -> Dialogue:
        parts = [account(step, fully=fully)]
        if fully or step is self.planned:
            parts.insert(0, _plan(step))
        if fully or step is self.failing:
            parts.append(_failure(step))
        said = _cut(step.task.prompt.strip(), _REQUEST if fully or is_first else _SHORT)
        return _dialogue(said, "\n\n".join(part for part in parts if part))

    def told_first(self, steps: Sequence[State], dropped: int) -> Dialogue:
        """What was asked first, with what stays of those behind it that are left out."""
        said, answer = self.told(steps[0], fully=False, is_first=True)
        if not dropped:
            return said, answer
        text = f"{answer.content}\n\n({dropped} of the messages that came next are left out here.)"
        for step in steps[1 : 1 + dropped]:
            text += f"\n\n{_plan(step)}" if step is self.planned else ""
            text += f"\n\n{_failure(step)}" if step is self.failing else ""
        return _dialogue(said.content, text)


def _latest(steps: Sequence[State], what: Callable[[State], str]) -> State | None:
    return next((step for step in reversed(steps) if what(step)), None)


def _plan(step: State) -> str:
    plan = next((message.text for message in reversed(step.messages) if message.kind == "plan"), "")
    return f"Plan:\n{_cut(plan.strip(), _REQUEST)}" if plan.strip() else ""


def _failure(step: State) -> str:
    """The last thing that failed, unless it was mended in the same step."""
    outcome = next((message.outcome for message in reversed(step.messages) if message.outcome), None)
    if outcome is None or outcome.passed or not outcome.feedback.strip():
        return ""
    return f"What failed last:\n{fenced(_cut(outcome.feedback.strip(), _FAILURE))}"


def account(step: State, *, fully: bool) -> str:
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
