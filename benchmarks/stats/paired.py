"""Test whether two runs over one set of cases differ significantly. Standard library only.

docs/reference/statistics.md explains when each test is used, and why.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import comb, fsum, lcm
from random import Random

from benchmarks.stats.scores import quantile

_MAX_STEPS = 5_000_000
"""Maximum number of additions for an exact distribution, which take some seconds."""
_DRAWS = 20_000
_SEED = 1_937


def mcnemar(lost: int, gained: int) -> float:
    """Return the exact two-sided p-value of paired yes/no results. Raises ValueError for negative counts.

    McNemar 1947, "Note on the sampling error of the difference between correlated proportions"; the exact
    form is the sign test of the pairs that differ.

    Args:
        lost: cases that only the first run passed.
        gained: cases that only the second run passed.
    """
    if lost < 0 or gained < 0:
        raise ValueError(f"{lost} and {gained} can't be counts of cases")
    pairs = lost + gained
    tail = sum(comb(pairs, i) for i in range(min(lost, gained) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**pairs)))


def sign_flip(differences: Sequence[Fraction]) -> float:
    """Return the two-sided p-value of the mean difference under random signs of the cases' differences.

    Fisher's randomization test: exact, or by 20,000 drawn sign changes if that takes too long; deterministic.
    """
    scale = lcm(*(difference.denominator for difference in differences))
    steps = [abs(int(difference * scale)) for difference in differences if difference]
    observed = abs(sum(int(difference * scale) for difference in differences))
    if sum(steps) * len(steps) > _MAX_STEPS:
        return _draw_flips(steps, observed)
    counts_by_total = Counter({0: 1})
    for step in steps:
        new_counts: Counter[int] = Counter()
        for total, count in counts_by_total.items():
            new_counts[total + step] += count
            new_counts[total - step] += count
        counts_by_total = new_counts
    extreme_count = sum(count for total, count in counts_by_total.items() if abs(total) >= observed)
    return float(Fraction(extreme_count, 2 ** len(steps)))


def bootstrap_test(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the mean difference, by resampling centred differences of cases.

    Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 16. Never below the sign test's p-value
    for as many cases, since equal differences have no variance to resample. Deterministic.
    """
    mean = fsum(differences) / len(differences)
    centred_values = [difference - mean for difference in differences]
    means = _resample(centred_values)
    extreme_count = sum(abs(resampled_mean) >= abs(mean) - 1e-12 for resampled_mean in means)
    minimum = min(1.0, 2.0 ** (1 - sum(difference != 0 for difference in differences)))
    return max(minimum, (1 + extreme_count) / (1 + len(means)))


def difference_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean difference: percentiles of resampled cases; deterministic."""
    means = sorted(_resample(differences))
    return quantile(means, 0.025), quantile(means, 0.975)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values as in Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    result = [0.0] * len(p_values)
    minimum = 0.0
    for rank, place in enumerate(order):
        minimum = max(minimum, min(1.0, (len(p_values) - rank) * p_values[place]))
        result[place] = minimum
    return result


def _draw_flips(steps: Sequence[int], observed: int) -> float:
    bits = Random(_SEED).getrandbits
    step_counts = Counter(steps)
    extreme_count = 0
    for _ in range(_DRAWS):
        # The sum of n equal differences with random signs follows the bit count of n random bits.
        total = sum(step * (n - 2 * bits(n).bit_count()) for step, n in step_counts.items())
        extreme_count += abs(total) >= observed
    return (1 + extreme_count) / (1 + _DRAWS)


def _resample(values: Sequence[float]) -> list[float]:
    rounds = max(500, min(10_000, 4_000_000 // len(values)))
    draw = Random(_SEED).choices
    return [fsum(draw(values, k=len(values))) / len(values) for _ in range(rounds)]
