"""Scores: how well a model does on cases, and how sure that is. Standard library only."""

from math import comb, sqrt
from statistics import NormalDist


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
