"""What came of a trial: what its checker reported, and how each process ended."""

import os
import signal
from dataclasses import dataclass, field
from typing import Any

from sandbox.inner.bridge.codec import CodecError
from sandbox.result import KilledBy, Result

_MAX_REPORTS = 64


@dataclass(slots=True)
class Outcome:
    """What the checker said of a trial."""

    unloaded: str | None = None
    """Why the module or its function could not be had."""
    tests: list[str] = field(default_factory=list)
    """For each test that ended: why it failed, or nothing."""
    replayed: int = 0
    differing: int = 0
    """Repeated calls, and those that gave another answer."""
    difference: str = ""
    explored: int = 0
    astray: int = 0
    """Inputs near those of the tests on which both were asked, and those where the answers differ."""
    example: str = ""
    """One of the latter, with both answers."""
    kinds: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    steps: int = 0
    """That generators were asked for."""
    changed: frozenset[str] = frozenset()
    """Arguments that some call changed."""
    uses: frozenset[str] = frozenset()
    """What the candidate did with the test's own objects."""
    timed_out: bool = False
    """Time ended it, or a call of the candidate."""
    complete: bool = False
    """The checker said all that there is to say."""
    tripped: frozenset[str] = frozenset()
    """Alarms that were set off, where both are in one process: what, and where."""
    ended: bool = False
    """Its process is over, too; else `note` says why not."""
    status: int = 0
    """Wait status of the checker's process."""
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    note: str = ""
    _count: int = 0

    def take(self, report: Any) -> None:  # noqa: ANN401 - whatever was sent
        """Keep one report.

        Raises:
            CodecError: it isn't one, or there are too many.
        """
        self._count += 1
        if self._count > _MAX_REPORTS:
            raise CodecError(f"the checker sent more than {_MAX_REPORTS} reports")
        match report:
            case ("unloaded", str(why)):
                self.unloaded = why
            case ("test", int(number), bool(passed), str(message)) if number == len(self.tests):
                self.tests.append("" if passed else message or "failed")
            case ("replayed", int(count), int(differing), str(why)):
                self.replayed, self.differing, self.difference = count, differing, why
            case ("explored", int(count), int(astray), str(example)):
                self.explored, self.astray, self.example = count, astray, example
            case ("end", list(kinds), list(errors), list(changed), list(uses), bool(timed_out), int(steps)):
                self.kinds, self.errors = frozenset(map(str, kinds)), frozenset(map(str, errors))
                self.changed, self.uses = frozenset(map(str, changed)), frozenset(map(str, uses))
                self.timed_out, self.steps, self.complete = timed_out, steps, True
            case ("tripped", str(what), str(where)):
                self.tripped |= {f"{what} ({where})"}
            case ("over", int(status), float(cpu_s), float(resident)):
                self.status, self.cpu_s, self.max_rss_mb, self.ended = status, cpu_s, resident, True
            case _:
                raise CodecError("the checker sent what isn't a report")


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of a trial."""

    outcome: Outcome
    candidates: tuple[Result, ...]
    """The one that was tested, and the one that calls were repeated on."""
    checker: Result

    @property
    def cpu_s(self) -> float:
        """Of the tested candidate and of its checker: what the checker has to do is the candidate's doing."""
        return self.candidates[0].cpu_s + self.checker.cpu_s


def result_of(outcome: Outcome) -> Result:
    """How the process of one trial ended, as its checker says."""
    code = os.waitstatus_to_exitcode(outcome.status)
    killed_by: KilledBy | None = None
    if code == -signal.SIGXCPU:
        killed_by = "cpu"
    elif code == -signal.SIGKILL:  # nobody else does that there
        killed_by = "memory"
    return Result(
        status="ok" if code == 0 else "timeout" if killed_by == "cpu" else "error",
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        cpu_s=outcome.cpu_s,
        max_rss_mb=outcome.max_rss_mb,
        killed_by=killed_by,
    )
