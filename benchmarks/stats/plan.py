"""Plan a comparison: how many samples of each case, on each side, exclude or show a drop of given size."""

from collections.abc import Collection, Sequence
from math import fsum, sqrt
from statistics import NormalDist, fmean
from typing import Literal

from benchmarks.report import Report
from benchmarks.stats.comparison import judged_tallies
from benchmarks.stats.difference import Difference, Tally, sample_variance
from sandbox.result import Value

MOST = 0.25
"""Largest variance of a sample that passes or fails."""
_VALUES = 9
"""Number of values that stand for what a pilot leaves open."""
MAX_SAMPLES = 1_000
"""Plan at most this many samples of a case."""
Source = Literal["samples", "score", "nothing"]
"""How much samples vary is known by several samples a case, by the score alone, or not at all."""


class SamplePlan(Value):
    """Samples of each case that a comparison needs."""

    cases: int
    drop: float
    power: float
    """Power that was asked for, as a share."""
    expected_power: float | None = None
    """Power of `samples`, which are whole, so that it is the same or more; None if none suffice."""
    least_power: float | None = None
    """Power if samples vary as much as the reports leave open: more in one of 18 pilots."""
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
    cases: Collection[str],
    reports: Sequence[Report],
    *,
    drop: float,
    power: float,
    alpha: float = 0.05,
    baseline_samples: int | None = None,
) -> SamplePlan:
    """Return the least number of samples with which an unchanged agent passes with this power.

    Args:
        cases: ids of the cases to compare; what the reports say of others doesn't count.
        reports: earlier runs of the suite, by which samples vary and cost.
        drop: drop of pass@1 that is to be excluded, as a share.
        baseline_samples: samples of each case in the baseline, if it isn't taken anew.
    """
    judged = judged_tallies(reports) if reports else {}
    variances, source = likely_variances([tally for case, tally in judged.items() if case in cases])
    samples = samples_for(len(cases), variances, drop, power, alpha, baseline_samples)
    sizes = (baseline_samples or samples or 0, samples or 0)
    result = SamplePlan(
        cases=len(cases),
        drop=drop,
        power=power,
        expected_power=mean_power(len(cases), variances, *sizes, drop, alpha) if samples else None,
        least_power=least_power(len(cases), variances, *sizes, drop, alpha) if samples else None,
        samples=samples,
        baseline_samples=baseline_samples,
        source=source,
    )
    taken = sum(report.samples for report in reports)
    costs = [usage.cost_usd for report in reports for usage in report.usage if usage.id in cases]
    paid = sum(verdict.id in cases for report in reports for verdict in report.verdicts)
    seconds = [report.times.seconds for report in reports]
    if not paid or samples is None:
        return result
    cost = fsum(cost or 0.0 for cost in costs) * result.total / paid if costs and None not in costs else None
    minutes = fsum(each or 0.0 for each in seconds) / 60 * result.total / taken
    return result.model_copy(update={"cost_usd": cost, "minutes": minutes if None not in seconds else None})


def samples_for(
    cases: int,
    variances: Sequence[float],
    drop: float,
    power: float,
    alpha: float,
    baseline_samples: int | None = None,
) -> int | None:
    """Return the least number of samples with this power in the mean over equally likely variances."""
    for number in range(1, MAX_SAMPLES + 1):
        if mean_power(cases, variances, baseline_samples or number, number, drop, alpha) >= power:
            return number
    return None


def mean_power(
    cases: int, variances: Sequence[float], before: int, after: int, drop: float, alpha: float
) -> float:
    """Return the power of so many samples of each case, in the mean over equally likely variances.

    It is that of the largest possible variance at least.
    """
    powers = [_power(variance, cases, before, after, drop, alpha) for variance in (*variances, MOST)]
    return max(fmean(powers[:-1]), powers[-1])


def least_power(
    cases: int, variances: Sequence[float], before: int, after: int, drop: float, alpha: float
) -> float:
    """Return the power of so many samples of each case at the largest of the variances."""
    return _power(min(MOST, max(variances)), cases, before, after, drop, alpha)


def _power(variance: float, cases: int, before: int, after: int, drop: float, alpha: float) -> float:
    """Return the probability that an unchanged agent passes, by the variance of one sample."""
    difference = Difference(
        value=0.0,
        method="stratified",
        cases=cases,
        variance=variance * (1 / before + 1 / after) / cases,
        slope=1 / (cases * min(before, after)),
    )
    room = drop - difference.excludable_drop(alpha, power=0.5)
    return NormalDist().cdf(room / sqrt(difference.variance)) if variance else float(room >= 0)


def likely_variances(tallies: Sequence[Tally]) -> tuple[Sequence[float], Source]:
    """Return equally likely values of the mean variance of one sample of a case, and by what they are known.

    Few samples tell the variance roughly, and a plan by the estimate alone has less power in the mean than it
    promises: too few samples cost more power than as many too many add. With one sample a case no case's rate
    is known: a mean of p (1 - p) is at most that of the mean rate.
    """
    tallies = [tally for tally in tallies if tally.samples]
    several = [tally for tally in tallies if tally.samples > 1]
    if several:
        return _of_samples(several), "samples"
    if not tallies:
        return [MOST], "nothing"
    # One case more of a share of half here, too: cases that happen to pass are no certainty.
    number = len(tallies) + 1
    score = (fsum(tally.share for tally in tallies) + 0.5) / number
    rates = NormalDist(score, sqrt(score * (1 - score) / number))
    likely = [min(1.0, max(0.0, rates.inv_cdf((i + 0.5) / _VALUES))) for i in range(_VALUES)]
    return [rate * (1 - rate) for rate in likely], "score"


def _of_samples(tallies: Sequence[Tally]) -> Sequence[float]:
    """Return equally likely variances by cases of several samples.

    They may be above `MOST`: a distribution that ends there would be too low in the mean for samples that
    vary about as much as they can. Few cases can't tell those from others of half the variance: `least_power`
    says what is open.
    """
    known = [*map(sample_variance, tallies), MOST]
    # One pair of samples more varies as much as it can: samples that happen to agree are no certainty. A pair
    # is one degree of freedom, of which a case has one less than samples.
    weights = [1.0] * len(tallies) + [1 / (fmean(tally.samples for tally in tallies) - 1)]
    total = fsum(weights)
    mean = fsum(weight * value for weight, value in zip(weights, known, strict=True)) / total
    squares = fsum(weight * (value - mean) ** 2 for weight, value in zip(weights, known, strict=True))
    estimate = NormalDist(mean, sqrt(squares / len(tallies) / total))
    return [max(0.0, estimate.inv_cdf((i + 0.5) / _VALUES)) for i in range(_VALUES)]
