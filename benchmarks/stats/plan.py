"""Plan a comparison: how many samples of each case, on each side, exclude or show a drop of given size."""

from collections.abc import Sequence
from math import fsum
from typing import Literal

from benchmarks.report import Report
from benchmarks.stats.comparison import judged_tallies
from benchmarks.stats.difference import Difference, sample_variance
from sandbox.result import Value

MAX_SAMPLES = 1_000
"""Plan at most this many samples of a case."""
Source = Literal["samples", "score", "nothing"]
"""How much samples vary is known by several samples a case, by the score alone, or not at all."""


class SamplePlan(Value):
    """Samples of each case that a comparison needs."""

    cases: int
    drop: float
    power: float
    samples: int | None
    """Samples of each case on each side, or on the new side if the baseline is there; None: none suffice."""
    baseline_samples: int | None = None
    """Samples of each case in the baseline that is there; None: it is to be taken, too."""
    source: Source
    cost_usd: float | None = None
    """Estimate for all samples to be taken, from the reports' mean; None if it is unknown."""
    minutes: float | None = None

    @property
    def total(self) -> int:
        """Number of samples to be taken."""
        return (self.samples or 0) * self.cases * (1 if self.baseline_samples is not None else 2)


def plan(
    cases: int,
    reports: Sequence[Report],
    *,
    drop: float,
    power: float,
    alpha: float = 0.05,
    baseline_samples: int | None = None,
) -> SamplePlan:
    """Return the least number of samples with which an unchanged agent passes with this power.

    Args:
        reports: earlier runs of the suite, by which samples vary and cost.
        drop: drop of pass@1 that is to be excluded, as a share.
        baseline_samples: samples of each case in the baseline, if it isn't taken anew.
    """
    variance, source = _sample_variance(reports)

    def suffices(before: int, after: int) -> bool:
        difference = Difference(
            value=0.0,
            method="stratified",
            cases=cases,
            variance=variance * (1 / before + 1 / after) / cases,
            slope=1 / (cases * min(before, after)),
        )
        return difference.excludable_drop(alpha, power=power) <= drop

    numbers = range(1, MAX_SAMPLES + 1)
    samples = next((number for number in numbers if suffices(baseline_samples or number, number)), None)
    result = SamplePlan(
        cases=cases,
        drop=drop,
        power=power,
        samples=samples,
        baseline_samples=baseline_samples,
        source=source,
    )
    taken = sum(report.samples for report in reports)
    costs = [report.cost_usd for report in reports]
    seconds = [report.times.seconds for report in reports]
    if not taken or samples is None:
        return result
    share = result.total / taken
    return result.model_copy(
        update={
            "cost_usd": share * fsum(cost or 0.0 for cost in costs) if None not in costs else None,
            "minutes": share * fsum(each or 0.0 for each in seconds) / 60 if None not in seconds else None,
        }
    )


def _sample_variance(reports: Sequence[Report]) -> tuple[float, Source]:
    """Return the mean variance of one sample of a case, and by what it is known.

    With one sample a case no case's rate is known. A mean of p (1 - p) is at most that of the mean rate.
    """
    if not reports:
        return 0.25, "nothing"
    tallies = [tally for tally in judged_tallies(reports).values() if tally.samples]
    several = [tally for tally in tallies if tally.samples > 1]
    if several:
        return fsum(map(sample_variance, several)) / len(several), "samples"
    if not tallies:
        return 0.25, "nothing"
    score = fsum(tally.share for tally in tallies) / len(tallies)
    return score * (1 - score), "score"
