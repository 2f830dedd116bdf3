"""Notice that a series of scores has become worse: a self-starting CUSUM.

After Hawkins 1987, "Self-Starting CUSUM Charts for Location and Scale": each score is compared with the mean
and standard deviation of those before it, so that their own error counts. Scores since the sum left 0 may be
those of a change: they aren't taken for the reference while it stays above 0, which would hide the change
(`python -m perf.watch`).
"""

from collections.abc import Sequence
from math import copysign, log1p, sqrt

from sandbox.result import Value

MIN_REFERENCE = 20
"""Number of scores from which the watch begins."""
SLACK = 0.5
"""Half of the change, in standard deviations, that is to be noticed soonest."""
_FARTHEST = 6.0
"""A single score counts for at most this many standard deviations."""


class Cusum(Value):
    """State of a series after its latest score."""

    sums: tuple[float, ...] = ()
    """Sum after each score; 0 for those of the reference."""
    began: int | None = None
    """Number of the first score since the sum was 0 for the last time; None if it is 0 now."""

    def is_alarm(self, limit: float) -> bool:
        """Whether the latest sum is above the limit, and the latest score raised it."""
        before = self.sums[-2] if len(self.sums) > 1 else 0.0
        return bool(self.sums) and self.sums[-1] > max(limit, before)

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
    n, of_scores, of_squares = 0, 0.0, 0.0
    for number in range(MIN_REFERENCE, len(scores)):
        if began is None:
            added = scores[n:number]
            n, of_scores, of_squares = (
                number,
                of_scores + sum(added),
                of_squares + sum(score * score for score in added),
            )
        mean = of_scores / n
        variance = max((of_squares - of_scores * mean) / (n - 1), (resolutions[number] / 2) ** 2)
        t = (scores[number] - mean) / sqrt(variance * (n + 1) / n)
        deviation = max(-_FARTHEST, min(_FARTHEST, normal_value(t, n - 1)))
        total = max(0.0, total - deviation - SLACK)
        began = None if total == 0 else number if began is None else began
        sums.append(total)
    return Cusum(sums=tuple(sums), began=began)


def normal_value(t: float, degrees: int) -> float:
    """Return the standard normal value that is as probable as t under Student's distribution.

    By Wallace 1959, "Bounds on Normal Approximations to Student's and the Chi-Square Distributions"; within
    0.02 up to 6 for 19 degrees of freedom and more.
    """
    return copysign((8 * degrees + 1) / (8 * degrees + 3) * sqrt(degrees * log1p(t * t / degrees)), t)
