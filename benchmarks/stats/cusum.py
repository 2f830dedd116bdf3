"""Notice that a series of scores has become worse: a self-starting CUSUM.

After Hawkins 1987, "Self-Starting CUSUM Charts for Location and Scale": each score is compared with the mean
and standard deviation of those before it, so that their own error counts. Scores since the sum left 0 may be
those of a change: they aren't taken for the reference while it stays above 0, which would hide the change
(`python -m perf.watch`).
"""

from collections.abc import Sequence
from math import atan, cos, pi, sin, sqrt
from statistics import NormalDist, fmean, stdev

from sandbox.result import Value

MIN_REFERENCE = 20
"""Number of scores from which the watch begins."""
SLACK = 0.5
"""Half of the change, in standard deviations, that is to be noticed soonest."""
LIMIT = 4.0
"""An alarm is raised above this sum: of unchanged scores about every 240th, by `perf.watch`."""
_FARTHEST = 6.0
"""A single score counts for at most this many standard deviations."""


class Cusum(Value):
    """State of a series after its latest score."""

    sums: tuple[float, ...] = ()
    """Sum after each score; 0 for those of the reference."""
    began: int | None = None
    """Number of the first score since the sum was 0 for the last time; None if it is 0 now."""

    @property
    def is_alarm(self) -> bool:
        """Whether the latest sum is above the limit, and the latest score raised it."""
        before = self.sums[-2] if len(self.sums) > 1 else 0.0
        return bool(self.sums) and self.sums[-1] > max(LIMIT, before)

    @property
    def is_learning(self) -> bool:
        """Whether there are too few scores to notice anything."""
        return len(self.sums) <= MIN_REFERENCE


def cusum(scores: Sequence[float], resolutions: Sequence[float]) -> Cusum:
    """Add up by how much each score is below those before it.

    Args:
        resolutions: smallest possible change of each score; half of it is the least standard deviation.
    """
    sums, total, began = [0.0] * min(len(scores), MIN_REFERENCE), 0.0, None
    for number in range(MIN_REFERENCE, len(scores)):
        reference = scores[: number if began is None else began]
        deviation = _deviation(scores[number], reference, resolutions[number])
        total = max(0.0, total - deviation - SLACK)
        began = None if total == 0 else number if began is None else began
        sums.append(total)
    return Cusum(sums=tuple(sums), began=began)


def _deviation(score: float, before: Sequence[float], resolution: float) -> float:
    """Return a score's deviation from those before it, as a standard normal value."""
    n = len(before)
    spread = max(stdev(before), resolution / 2)
    t = (score - fmean(before)) / spread * sqrt(n / (n + 1))
    chance = min(max(t_distribution(t, n - 1), 1e-12), 1 - 1e-12)
    return max(-_FARTHEST, min(_FARTHEST, NormalDist().inv_cdf(chance)))


def t_distribution(t: float, degrees: int) -> float:
    """Return the probability of at most t under Student's distribution.

    By the finite sums of Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.

    Args:
        degrees: degrees of freedom, at least 1.
    """
    angle = atan(t / sqrt(degrees))
    term, total = 1.0, 0.0
    squared = cos(angle) ** 2
    if degrees % 2:
        term = cos(angle)
        for power in range(3, degrees + 1, 2):
            total += term
            term *= squared * (power - 1) / power
        within = 2 / pi * (angle + sin(angle) * total)
    else:
        for power in range(2, degrees + 1, 2):
            total += term
            term *= squared * (power - 1) / power
        within = sin(angle) * total
    return (1 + within) / 2
