"""Combine the verdicts on the steps of a Harbor task into one, as its reward strategy says."""

from collections.abc import Sequence

from benchmarks.harbor.reward import Reward
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import HarborTask
from benchmarks.harbor.verifier import Judged
from benchmarks.verdict import Outcome, least_strength

_WITHOUT_REWARD = ("error", "timeout", "tampered", "suspicious")


def falls_short(step: HarborStep, judged: Judged) -> bool:
    """Whether the next steps aren't tried, because a reward is missing or below the step's `min_reward`."""
    if judged.reward is None:
        return True
    numbers = judged.reward.numbers
    return any(numbers.get(name, float("-inf")) < least for name, least in step.min_rewards.items())


def combine(task: HarborTask, steps: Sequence[Judged]) -> Judged:
    """Return the verdict on a task.

    Its reward is `mean`, each number's mean over the steps that have a reward, where a missing number counts
    as 0, or `final`, that of the last step that was tried. Unlike in Harbor, a task is passed only if each of
    its steps was tried and left a reward.

    Args:
        steps: verdicts on the steps that were tried, at least one, in their order.
    """
    if len(task.steps) == 1 and task.steps[0].name is None:
        return steps[0]
    reward = _reward(task, steps)
    outcome: Outcome = "passed" if reward is not None and reward.passed else "failed"
    tried = [step.name for step in task.steps[: len(steps)]]
    lines = [
        f"step {name}: {judged.outcome}, {judged.detail}" for name, judged in zip(tried, steps, strict=True)
    ]
    if len(steps) < len(task.steps):
        outcome = "failed"
        lines.append(f"{len(task.steps) - len(steps)} more not tried")
    outcome = next((judged.outcome for judged in steps if judged.outcome in _WITHOUT_REWARD), outcome)
    return Judged(
        outcome=outcome,
        strength=least_strength(judged.strength for judged in steps) or "weak",
        reward=reward,
        detail="; ".join(lines),
        output="\n".join(judged.output for judged in steps if judged.output),
        outside=tuple(dict.fromkeys(change for judged in steps for change in judged.outside)),
        patch=next((judged.patch for judged in reversed(steps) if judged.patch), ""),
        left_out=tuple(dict.fromkeys(path for judged in steps for path in judged.left_out)),
        needs_deciding=any(judged.needs_deciding for judged in steps),
        wall_s=sum(judged.wall_s for judged in steps),
        steps=tuple(steps),
    )


def _reward(task: HarborTask, steps: Sequence[Judged]) -> Reward | None:
    if task.reward_strategy == "final":
        return steps[-1].reward
    numbers = [judged.reward.numbers for judged in steps if judged.reward is not None]
    names = dict.fromkeys(name for each in numbers for name in each)
    if not names:
        return None
    means = {name: sum(each.get(name, 0.0) for each in numbers) / len(numbers) for name in names}
    return Reward(numbers=means)
