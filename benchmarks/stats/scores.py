"""Compute scores of a model on cases, with uncertainty. Standard library only."""

from collections.abc import Sequence
from math import comb, floor, fsum, sqrt
from statistics import NormalDist, stdev

ROUNDING = 1e-9
"""Tolerance for rounding errors of shares, so that 8 of 10 cases are at least 0.8."""


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Return the probability that at least one of k samples, drawn without replacement, passes.

    Unbiased estimator of Chen et al. 2021, "Evaluating Large Language Models Trained on Code", eq. 1.

    Raises:
        ValueError: k < 1, k > samples (there is nothing to draw from), or correct outside of 0..samples.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs at least {max(k, 1)} samples, and there are {samples}")
    if not 0 <= correct <= samples:
        raise ValueError(f"{correct} of {samples} samples can't have passed")
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def percent(share: float, *, digits: int = 1) -> str:
    """Format a share as a percentage; only a share of all is 100 %, so that no failure is rounded away."""
    most = 100 - 10**-digits if share < 1 - ROUNDING else 100
    return f"{min(100 * share, most):.{digits}f} %"


def wilson_interval(passed: float, cases: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share of passed cases: lower and upper bound, each in [0, 1].

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Args:
        passed: number of passed cases; with several samples per case, the sum of the cases' shares.

    Raises:
        ValueError: no cases, passed outside of 0..cases, or a confidence outside of (0, 1).
    """
    if cases < 1 or not 0 <= passed <= cases:
        raise ValueError(f"{passed:g} of {cases} cases can't have passed")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, and {confidence} doesn't")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = passed / cases, z * z / cases
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * sqrt(share * (1 - share) / cases + spread / (4 * cases))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float | None:
    """Return pass@k of a suite: the mean over all cases.

    None if an answered case has fewer than k samples, or no case has k samples.

    Args:
        counts: numbers of samples and passed samples of each case; a case without samples scores 0.
    """
    if (
        not counts
        or any(0 < samples < k for samples, _ in counts)
        or (k > 1 and not any(n for n, _ in counts))
    ):
        return None
    return fsum(pass_at_k(samples, correct, k) for samples, correct in counts if samples) / len(counts)


def score_interval(counts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the 95 % interval of pass@1: Wilson's over the cases, each counted by its passed share.

    Samples of one case are correlated, so they don't count singly. Shares vary at most as much as yes/no
    results, so the interval tends to be too wide.
    """
    passed = fsum(correct / samples for samples, correct in counts if samples)
    return wilson_interval(min(passed, len(counts)), len(counts))


def standard_error(counts: Sequence[tuple[int, int]]) -> float | None:
    """Return the standard error of pass@1 (Miller 2024, "Adding Error Bars to Evals", eq. 1), or None."""
    if len(counts) < 2:
        return None
    shares = [correct / samples if samples else 0.0 for samples, correct in counts]
    return stdev(shares) / sqrt(len(shares))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of sorted values, interpolated linearly (numpy's default)."""
    place = share * (len(values) - 1)
    low = floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)
