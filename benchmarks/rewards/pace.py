"""How long an answer may take in its first try, and whether there is time for a longer one.

Endless loops must not take the time of all other answers: a first try is short, and only what took too long
is tried again. A token bucket bounds the time of these further tries. An answer that had no processor is
always tried again: limits are of CPU time.
"""

from dataclasses import dataclass

from benchmarks.suite import Case, RepositoryCase
from benchmarks.verdict import Verdict

_FIRST_S, _OF_PASSED = 0.02, 4.0
"""CPU time of a first try: the least, and by that of the case's slowest pass."""
_AGAIN, _LONGER = 2.0, 8.0
"""A further try's time by the one before: after one that had no processor, and after one that had."""
_ASLEEP_S = 1.0
"""Wall time after which an answer is taken to sleep, and not to wait for a processor."""
_SHARE = 0.05
"""Seconds that each second of first tries adds for further ones."""
_REMEMBERED = 32
"""First tries in the moving averages."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Time for one try."""

    cpu_s: float
    wall_s: float


class Pace:
    """Times of the answers so far."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s`: seconds of further tries that are saved at most."""
        self._patience_s = self._left_s = patience_s
        self.usual_s, self._cpu_s = 0.02, 0.01
        """Wall and CPU time of a first try, on average."""
        self._slowest_s: dict[str, float] = {}

    def first(self, case: Case) -> Allowed:
        """Time of a first try; a repository's is the last."""
        if isinstance(case, RepositoryCase):
            return Allowed(case.timeout_s, longest_s(case))
        cpu_s = max(_FIRST_S, _OF_PASSED * self._slowest_s.get(case.id, 0.0))
        return Allowed(cpu_s, cpu_s * self._stretch())

    def next(self, before: Allowed, verdict: Verdict) -> Allowed | None:
        """Time of the try after one that wasn't long enough; None if others took too much already."""
        if verdict.cpu_s < before.cpu_s and before.wall_s < _ASLEEP_S:
            return Allowed(before.cpu_s, before.wall_s * _AGAIN)
        if self._left_s <= 0:
            return None
        cpu_s = before.cpu_s * _LONGER
        return Allowed(cpu_s, max(cpu_s * self._stretch(), before.wall_s * _LONGER))

    def tried_first(self, verdict: Verdict) -> None:
        """Count a first try, which earns time for others."""
        self._passed(verdict)
        self._left_s = min(self._patience_s, self._left_s + _SHARE * verdict.wall_s / self._stretch())
        if verdict.verdict != "timeout":
            self.usual_s += (verdict.wall_s - self.usual_s) / _REMEMBERED
            self._cpu_s += (verdict.cpu_s - self._cpu_s) / _REMEMBERED

    def tried_again(self, verdict: Verdict) -> None:
        """Count a further try, which spends time."""
        self._passed(verdict)
        self._left_s -= max(verdict.cpu_s, verdict.wall_s / self._stretch())

    def forget(self, case: str) -> None:
        """Forget a case."""
        self._slowest_s.pop(case, None)

    def _passed(self, verdict: Verdict) -> None:
        if verdict.verdict == "passed":
            self._slowest_s[verdict.id] = max(self._slowest_s.get(verdict.id, 0.0), verdict.cpu_s)

    def _stretch(self) -> float:
        """Wall time by CPU time, at the present load."""
        return max(1.0, self.usual_s / max(self._cpu_s, 1e-3))


def longest_s(case: Case) -> float:
    """Wall time from which a try has all of a case's own limits."""
    return 2 * case.timeout_s + 5
