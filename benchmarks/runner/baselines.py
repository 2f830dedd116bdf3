"""Answer cases without a model: their own answers should pass, and empty answers should fail."""

from enum import StrEnum

from benchmarks.judge.case_plan import CasePlan
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.sample_job import SampleJob
from benchmarks.suite import Case


class Baseline(StrEnum):
    """Name of a baseline, as Harbor names these agents."""

    ORACLE = "oracle"
    NOP = "nop"


def baseline_job(baseline: Baseline, case: Case, sample: int) -> SampleJob:
    """Return the job of one sample."""
    answer = CasePlan(case).good if baseline == Baseline.ORACLE else ""
    attempt = (
        CaseAttempt(error="the case has no answer of its own") if answer is None else CaseAttempt(text=answer)
    )
    return SampleJob(case, sample, attempt)
