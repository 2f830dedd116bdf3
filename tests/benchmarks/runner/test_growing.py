"""A run that is looked at as it grows, and is continued."""

from unittest.mock import AsyncMock

import pytest

from benchmarks.report import Look, Report
from benchmarks.runner.growing import GrowingRun
from benchmarks.runner.runlog import RunLog
from benchmarks.runner.sample_job import SampleJob
from benchmarks.stats.gate import Decision
from benchmarks.stats.looks import plan_looks
from tests.benchmarks.reports.reports_made import report_of, suite_of

NAMES = [f"c{i}" for i in range(8)]


@pytest.mark.parametrize("decision", ["undecided", "passed"])
async def test_samples_behind_an_early_look_are_judged_again_and_no_look_is_taken_backwards(
    decision: Decision,
) -> None:
    plan = plan_looks(8, [4] * 8, max_drop=0.01, alpha=0.05, baseline="b")
    looks: list[tuple[int, float, Decision]]
    looks = [(2, 0.5, "undecided"), (4, 0.75, "undecided"), (6, 0.9, decision)]
    taken = [Look(samples=n, information=t, level=0.01, decision=said) for n, t, said in looks]
    growing = GrowingRun(plan.model_copy(update={"taken": taken}), report_of(dict.fromkeys(NAMES, "pppp")))
    record, yielded = AsyncMock(spec=RunLog), []

    async def report(samples: int) -> Report:
        letters = "p" * (samples - 1) + "i"  # some have no verdict, so that there is less information
        return report_of({name: letters if name == "c0" else "p" * samples for name in NAMES})

    jobs = [SampleJob(case, sample) for sample in range(8) for case in suite_of(*NAMES).cases]
    async for part in growing.parts(record, report, jobs):
        yielded.append(len([*part]))

    assert yielded == ([16] * 3 if decision == "passed" else [16] * 4)
    information = [look.information for look in growing.plan.taken]
    assert information == sorted(information)
    assert growing.samples == (6 if decision == "passed" else 8)
