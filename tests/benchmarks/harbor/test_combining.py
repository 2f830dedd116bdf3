"""The verdict on a task of several steps follows from those on its steps, as its reward strategy says."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from benchmarks.harbor.combining import combine, falls_short
from benchmarks.harbor.reward import Reward
from benchmarks.harbor.task import HarborTask, read_task
from benchmarks.harbor.verifier import Judged

STEPS = '[[steps]]\nname = "one"\n{least}\n[[steps]]\nname = "two"\n'


@pytest.fixture
def task(write_task: Callable[..., Path]) -> Callable[..., HarborTask]:
    def write(strategy: Literal["mean", "final"], least: str = "") -> HarborTask:
        toml = f'multi_step_reward_strategy = "{strategy}"\n' + STEPS.format(least=least)
        files = {f"steps/{name}/instruction.md": "Do it.\n" for name in ("one", "two")}
        return read_task(write_task(toml, **files))

    return write


def judged(outcome: Literal["passed", "failed", "error", "suspicious"], **numbers: float) -> Judged:
    reward = Reward(numbers=numbers) if numbers else None
    return Judged(outcome=outcome, strength="apart", reward=reward)


def numbers_of(verdict: Judged) -> dict[str, float] | None:
    return verdict.reward.numbers if verdict.reward is not None else None


def test_a_mean_counts_a_number_that_a_step_lacks_as_0(task: Callable[..., HarborTask]) -> None:
    verdict = combine(task("mean"), [judged("passed", reward=1), judged("failed", reward=0.5, speed=1)])

    assert numbers_of(verdict) == {"reward": 0.75, "speed": 0.5}
    assert verdict.outcome == "failed"


def test_a_task_is_passed_by_its_final_step_where_it_says_so(task: Callable[..., HarborTask]) -> None:
    steps = [judged("failed", reward=0), judged("passed", reward=1)]

    assert combine(task("final"), steps).outcome == "passed"
    assert combine(task("mean"), steps).outcome == "failed"


@pytest.mark.parametrize("strategy", ["mean", "final"])
def test_a_task_with_a_step_that_was_not_tried_is_failed(
    task: Callable[..., HarborTask], strategy: str
) -> None:
    verdict = combine(task(strategy), [judged("passed", reward=1)])

    assert verdict.outcome == "failed"
    assert "1 more not tried" in verdict.detail


@pytest.mark.parametrize("outcome", ["error", "suspicious"])
def test_a_step_without_a_trusted_reward_decides_the_verdict(
    task: Callable[..., HarborTask], outcome: Literal["error", "suspicious"]
) -> None:
    steps = [judged(outcome, reward=1), judged("passed", reward=1)]

    assert combine(task("final"), steps).outcome == outcome


def test_the_weakest_step_gives_the_strength(task: Callable[..., HarborTask]) -> None:
    weak = judged("passed", reward=1).model_copy(update={"strength": "apart-system"})

    assert combine(task("mean"), [weak, judged("passed", reward=1)]).strength == "apart-system"


@pytest.mark.parametrize(
    ("least", "falls"),
    [("min_reward = 0.6", True), ("min_reward = 0.5", False), ("min_reward = {speed = 0.1}", True)],
)
def test_no_step_follows_one_below_its_least_reward(
    task: Callable[..., HarborTask], least: str, falls: bool
) -> None:
    assert falls_short(task("mean", least).steps[0], judged("failed", reward=0.5)) is falls
