"""Scores: how well a model does on cases, and how sure that is. Standard library only."""

from collections.abc import Sequence
from math import comb, floor, fsum, sqrt
from random import Random
from statistics import NormalDist
from typing import Literal


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Probability that at least one of k samples, drawn without replacement, passes.

    Unbiased estimator of Chen et al. 2021, "Evaluating Large Language Models Trained on Code", eq. 1.

    Args:
        samples: n, attempts made for one problem; n >= k.
        correct: c, attempts that passed; 0 <= c <= n.

    Returns:
        A probability in [0, 1]. Exactly 1.0 when fewer than k attempts failed.

    Raises:
        ValueError: k < 1, k > samples (there is nothing to draw from), or correct outside of 0..samples.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs at least {max(k, 1)} samples, and there are {samples}")
    if not 0 <= correct <= samples:
        raise ValueError(f"{correct} of {samples} samples can't have passed")
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def wilson_interval(passed: int, cases: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval for a share of passed cases, one sample a case.

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Returns:
        Lower and upper bound, each in [0, 1].

    Raises:
        ValueError: no cases, passed outside of 0..cases, or a confidence outside of (0, 1).
    """
    if cases < 1 or not 0 <= passed <= cases:
        raise ValueError(f"{passed} of {cases} cases can't have passed")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, and {confidence} doesn't")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = passed / cases, z * z / cases
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * sqrt(share * (1 - share) / cases + spread / (4 * cases))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float | None:
    """pass@k of a suite: the mean over all cases.

    Args:
        counts: samples and passed ones of each case; a case without samples scores 0.

    Returns:
        A probability, or None where a case that was answered has fewer than k samples, or none was answered
        that often.
    """
    if (
        not counts
        or any(0 < samples < k for samples, _ in counts)
        or (k > 1 and not any(n for n, _ in counts))
    ):
        return None
    return fsum(pass_at_k(samples, correct, k) for samples, correct in counts if samples) / len(counts)


IntervalMethod = Literal["wilson", "bootstrap"]


def score_interval(counts: Sequence[tuple[int, int]]) -> tuple[tuple[float, float], IntervalMethod]:
    """95 % interval of pass@1: Wilson's where each case has one sample at most, else a bootstrap over cases.

    Samples of one case are alike, so that they can't be counted as if each were a case.

    Raises:
        ValueError: no cases.
    """
    if all(samples <= 1 for samples, _ in counts):
        return wilson_interval(sum(correct for _, correct in counts), len(counts)), "wilson"
    return bootstrap_interval(
        [correct / samples if samples else 0.0 for samples, correct in counts]
    ), "bootstrap"


def bootstrap_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the mean over cases, from resamples of whole cases.

    It is the same each time, in whatever order the cases come.

    Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("there are no cases to draw from")
    rounds = max(200, min(2_000, 4_000_000 // len(values)))
    draw, ordered = Random(20_111).choices, sorted(values)
    means = sorted(fsum(draw(ordered, k=len(ordered))) / len(values) for _ in range(rounds))
    return quantile(means, (1 - confidence) / 2), quantile(means, (1 + confidence) / 2)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of values in their order, linear between neighbours (numpy's default)."""
    place = share * (len(ordered) - 1)
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
