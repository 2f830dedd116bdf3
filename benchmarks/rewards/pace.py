"""How long an answer may take in its first try, and whether there is time for a longer one.

Endless loops must not take the time of all other answers: a first try is short, and what took longer is tried
again. A token bucket bounds the time of further tries; an answer that had no processor needs none of it.
"""

from benchmarks.verdict import Verdict

_FIRST_S, _OF_PASSED = 0.02, 4.0
"""CPU time of a first try: the least, and by that of the slowest pass of the case, and of most answers."""
_AGAIN, _LONGER = 2.0, 8.0
"""A further try's time by the one before: after one that had no processor, and after one that had."""
_ASLEEP_S = 1.0
"""Wall time after which an answer is taken to sleep, not to wait for a processor, on a quiet machine."""
_SHARE, _REMEMBERED = 0.02, 32
"""Time that first tries add for further ones, by their own; first tries in the moving averages."""


class Pace:
    """Times of the answers so far."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s`: seconds of further tries that are saved at most."""
        self._patience_s = self._left_s = patience_s
        self.usual_s, self._cpu_s = 0.01, 0.005
        """Wall and CPU time of a first try, on average."""

    def first(self, slowest_s: float) -> tuple[float, float]:
        """CPU and wall time of a first try, by the CPU time of the case's slowest pass."""
        cpu_s = max(_FIRST_S, _OF_PASSED * max(slowest_s, self._cpu_s))
        return cpu_s, cpu_s * self._stretch()

    def longer(self, cpu_s: float, wall_s: float, verdict: Verdict) -> tuple[float, float] | None:
        """Times of the try after one that wasn't long enough; None if others took too much already."""
        if verdict.cpu_s < cpu_s / 2 and wall_s < _ASLEEP_S * self._stretch():
            return cpu_s, wall_s * _AGAIN
        return (cpu_s * _LONGER, wall_s * _LONGER) if self._left_s > 0 else None

    def count(self, verdict: Verdict, *, first: bool) -> None:
        """Count a try: a first one earns time, a further one spends it."""
        took_s = max(verdict.cpu_s, verdict.wall_s / self._stretch())
        self._left_s = min(self._patience_s, self._left_s + (_SHARE * took_s if first else -took_s))
        if first and verdict.verdict != "timeout":
            self.usual_s += (verdict.wall_s - self.usual_s) / _REMEMBERED
            self._cpu_s += (verdict.cpu_s - self._cpu_s) / _REMEMBERED

    def _stretch(self) -> float:
        return max(1.0, self.usual_s / max(self._cpu_s, 1e-3))
