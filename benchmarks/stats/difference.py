"""Estimate and test the difference of two runs over one suite, whose chance lies in the samples alone.

Each case weighs the same, however many samples it has. docs/reference/statistics.md explains the methods.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import comb, fsum, gcd, lcm, sqrt
from random import Random
from statistics import NormalDist
from typing import Literal

from benchmarks.stats.scores import wilson_interval
from sandbox.result import Value

Method = Literal["tango", "stratified"]
_MAX_STEPS = 5_000_000
"""Maximum number of additions for an exact distribution, which take some seconds."""
_IMPOSSIBLE = 1e-40
"""Probability that is next to none, and the least p-value."""
_DRAWS = 20_000
_SEED = 1_937
_BISECTIONS = 60


class Tally(Value):
    """Number of samples of one case, and of passed samples."""

    samples: int
    passed: int

    @property
    def share(self) -> Fraction:
        """Share of passed samples; 0 if there are no samples."""
        return Fraction(self.passed, self.samples) if self.samples else Fraction(0)


Pair = tuple[Tally, Tally]
"""A case in the earlier and in the later run; each has a sample at least."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean over cases of the later share of passed samples minus the earlier one."""

    value: float
    method: Method
    cases: int
    variance: float
    """Estimated variance of `value` over new samples of the same cases."""
    slope: float
    """By how much the variance grows, at most, for each unit by which the true difference is larger."""
    lost: int = 0
    """With one sample a case: cases that only the earlier run passed."""
    gained: int = 0

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no difference, by the method of `interval`, which then doesn't hold 0."""
        if self.method == "tango":
            differing = self.lost + self.gained
            score = abs(self.gained - self.lost) / sqrt(differing) if differing else 0.0
        else:
            variance = self.variance + self.slope * abs(self.value)
            score = abs(self.value) / sqrt(variance) if variance else 0.0
        return 2 * NormalDist().cdf(-score)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the two-sided interval: Tango's for one sample a case on both sides, else a stratified one.

        Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the
        paired-sample design". The stratified interval inverts a score test: a difference is excluded that
        lies more standard errors away than the confidence allows, where each case's variance is estimated
        from its samples, and a larger difference may vary more (`slope`).
        """
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        if self.method == "tango":
            return self._tango_bound(-z), self._tango_bound(z)
        reach = self._reach(z)
        return max(-1.0, self.value - reach), min(1.0, self.value + reach)

    def excludable_drop(self, alpha: float, *, power: float = 0.8) -> float:
        """Return the smallest drop that samples like these exclude with this power if nothing changed.

        It doesn't depend on `value`. At least 1 means that they can exclude no drop.
        """
        normal = NormalDist()
        return self._reach(normal.inv_cdf(1 - alpha)) + normal.inv_cdf(power) * sqrt(self.variance)

    def _reach(self, z: float) -> float:
        """Return how far a difference lies from `value` that is z standard errors away."""
        half = z * z * self.slope / 2
        return half + z * sqrt(self.variance + half * self.slope / 2)

    def _tango_bound(self, z: float) -> float:
        """Return the difference at which Tango's score is -z: a lower bound for z < 0."""

        def score(difference: float) -> float:
            n, lost, gained = self.cases, self.lost, self.gained
            b = (2 * n - gained + lost) * difference - gained - lost
            c = -lost * difference * (1 - difference)
            only_lost = (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
            variance = n * (2 * only_lost + difference * (1 - difference))
            distance = gained - lost - n * difference
            return distance / sqrt(variance) if variance > 0 else distance * float("inf") if distance else 0.0

        low, high = -1.0, 1.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if score(middle) > -z else (low, middle)
        return (low + high) / 2


def difference_of(pairs: Sequence[Pair]) -> Difference:
    """Return the difference of two runs over their common cases. Raises ValueError if one has no sample."""
    if not pairs or any(not (old.samples and new.samples) for old, new in pairs):
        raise ValueError("a difference needs cases, and a sample of each in both runs")
    cases = len(pairs)
    scale = lcm(*{tally.samples for pair in pairs for tally in pair})
    total = sum(
        new.passed * (scale // new.samples) - old.passed * (scale // old.samples) for old, new in pairs
    )
    value = float(Fraction(total, scale * cases))
    variance = fsum(_variance(old, new) for old, new in pairs) / cases**2
    slope = fsum(1 / min(old.samples, new.samples) for old, new in pairs) / cases**2
    if any(tally.samples > 1 for pair in pairs for tally in pair):
        return Difference(value=value, method="stratified", cases=cases, variance=variance, slope=slope)
    return Difference(
        value=value,
        method="tango",
        cases=cases,
        variance=variance,
        slope=slope,
        lost=sum(old.passed > new.passed for old, new in pairs),
        gained=sum(new.passed > old.passed for old, new in pairs),
    )


def drop_p_value(pairs: Sequence[Pair]) -> float:
    """Return the one-sided p-value of "the later run isn't worse", by exchanging the labels within each case.

    Fisher's randomization test, stratified by case: given all samples of a case, each choice of those that
    the later run drew is equally likely if the runs don't differ. Exact, or by 20,000 draws if that takes too
    long; deterministic. With one sample a case it is McNemar's exact test, one-sided.
    """
    weights = [Fraction(1, old.samples) + Fraction(1, new.samples) for old, new in pairs]
    scale = lcm(*(weight.denominator for weight in weights))
    steps = [int(weight * scale) for weight in weights]
    step = gcd(*steps)
    strata = Counter(
        (step_of // step, old.samples, new.samples, old.passed + new.passed)
        for step_of, (old, new) in zip(steps, pairs, strict=True)
        if 0 < old.passed + new.passed < old.samples + new.samples
    )
    observed = sum(
        step_of // step * new.passed
        for step_of, (old, new) in zip(steps, pairs, strict=True)
        if 0 < old.passed + new.passed < old.samples + new.samples
    )
    spread = sum(size * count * min(passed, new) for (size, _, new, passed), count in strata.items())
    work = spread * sum(count * min(passed, new) for (_, _, new, passed), count in strata.items())
    return _exact_tail(strata, observed) if work <= _MAX_STEPS else _drawn_tail(strata, observed)


_Stratum = tuple[int, int, int, int]
"""Weight of a passed sample, samples of both sides, and passed samples of both together."""


def _chances(stratum: _Stratum) -> dict[int, float]:
    """Return the probability of each number of passed samples on the later side (hypergeometric)."""
    _, old, new, passed = stratum
    total = comb(old + new, new)
    return {
        count: comb(passed, count) * comb(old + new - passed, new - count) / total
        for count in range(max(0, passed - old), min(passed, new) + 1)
    }


def _exact_tail(strata: Counter[_Stratum], observed: int) -> float:
    """Return the probability of a weighted sum of at most `observed`."""
    lowest, sums = 0, [1.0]
    for stratum, count in strata.items():
        terms = [(stratum[0] * number, chance) for number, chance in _chances(stratum).items()]
        for _ in range(count):
            longer = [0.0] * (len(sums) + max(place for place, _ in terms))
            for place, chance in terms:
                for number, value in enumerate(sums, place):
                    longer[number] += value * chance
            # Sums only grow: those above `observed` don't count, nor do impossible ones below.
            first = next((place for place, value in enumerate(longer) if value > _IMPOSSIBLE), len(longer))
            sums = longer[first : max(0, observed - lowest) + 1]
            lowest += first
    return min(1.0, max(_IMPOSSIBLE, fsum(sums)))


def _drawn_tail(strata: Counter[_Stratum], observed: int) -> float:
    choices = Random(_SEED).choices
    sums = [0] * _DRAWS
    for stratum, count in strata.items():
        chances = _chances(stratum)
        numbers, limits = [stratum[0] * number for number in chances], [*accumulate(chances.values())]
        for _ in range(count):
            sums = [
                total + more
                for total, more in zip(sums, choices(numbers, cum_weights=limits, k=_DRAWS), strict=True)
            ]
    return (1 + sum(total <= observed for total in sums)) / (1 + _DRAWS)


def score_bounds(tallies: Sequence[Tally], confidence: float) -> tuple[float, float]:
    """Return the two-sided interval of pass@1 over new samples of the same cases.

    Stratified by case, as that of a difference. Where a case has one sample, Wilson's over the cases: what a
    case's samples vary can't be seen, and the interval tends to be too wide.
    """
    cases = len(tallies)
    score = float(sum(tally.share for tally in tallies) / cases)
    if any(tally.samples < 2 for tally in tallies):
        return wilson_interval(min(score * cases, cases), cases, confidence=confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    variance = fsum(sample_variance(tally) / tally.samples for tally in tallies) / cases**2
    slope = fsum(1 / tally.samples for tally in tallies) / cases**2
    half = z * z * slope / 2
    reach = half + z * sqrt(variance + half * slope / 2)
    return max(0.0, score - reach), min(1.0, score + reach)


def _variance(old: Tally, new: Tally) -> float:
    """Return the estimated variance of one case's difference.

    Where a side has one sample its variance can't be seen: then that of both sides' samples together, which
    is too large where the case changed.
    """
    if min(old.samples, new.samples) < 2:
        both = Tally(samples=old.samples + new.samples, passed=old.passed + new.passed)
        return sample_variance(both) * (1 / old.samples + 1 / new.samples)
    return sample_variance(old) / old.samples + sample_variance(new) / new.samples


def sample_variance(tally: Tally) -> float:
    """Return the unbiased estimate of the variance of one sample's result."""
    failed = tally.samples - tally.passed
    return tally.passed * failed / (tally.samples * (tally.samples - 1))
