"""What a checker reported of its tests, and how each process ended."""

import os
import signal
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox.host.timed_run import STATUS_OF
from sandbox.inner.bridge.codec import CodecError
from sandbox.result import KilledBy, Result

MAX_REPORTS = 50_000
"""Of one job; a test file of a million parameters is cut off here, and then isn't complete."""


class CheckResult(BaseModel):
    """What became of one check. The message is what a repair needs: source, both sides, what was raised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passed: bool
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    asserted: bool = False
    """It failed by an assertion, and not by another exception."""


@dataclass(slots=True)
class RunReport:
    """Reports so far. Whatever isn't one ends the job without a verdict."""

    unloaded: str | None = None
    """Why the module of a trial or its function couldn't be had."""
    results: dict[int, list[CheckResult]] = field(default_factory=dict)
    """Of each check, by its number."""
    unfinished: tuple[int, str] | None = None
    """Number and name of the test that began and didn't end."""
    replayed: int = 0
    differing: int = 0
    """Repeated calls, and those that gave another answer."""
    difference: str = ""
    kinds: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    steps: int = 0
    changed: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    """What crossed, in the terms of `Crossing`."""
    disowned: bool = False
    """An object of a class with an `__eq__` of its own was compared with plain data: it equals none."""
    timed_out: bool = False
    """Time ended it, or a call of the candidate."""
    complete: bool = False
    """The checker came to the end of its tests."""
    tripped: frozenset[str] = frozenset()
    """Alarms that were set off, where both are in one process: what, and where."""
    over: bool = False
    """The process of the job ended too."""
    status: int = 0
    """Wait status of that process."""
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    note: str = ""
    """Why it isn't complete."""
    _count: int = 0

    @property
    def tests(self) -> list[str]:
        """For each test of a trial that ended: why it failed, or nothing."""
        return ["" if one.passed else one.message or "failed" for few in self.results.values() for one in few]

    def take(self, report: Any) -> None:  # noqa: ANN401 - whatever was sent
        """Keep one report. Raises CodecError where it isn't one, or there are too many."""
        self._count += 1
        if self._count > MAX_REPORTS:
            raise CodecError(f"the checker sent more than {MAX_REPORTS:,} reports")
        match report:
            case ("begin", int(number), str(name)):
                self.unfinished = number, name
            case ("result", int(number), *told) if _is_result(told):
                self.unfinished = None
                result = CheckResult(**dict(zip(CheckResult.model_fields, told, strict=True)))
                self.results.setdefault(number, []).append(result)
            case ("unloaded", str(why)):
                self.unloaded = why
            case ("replayed", int(count), int(differing), str(why)):
                self.replayed, self.differing, self.difference = count, differing, why
            case ("end", list(), list(), list(), list(), int(steps), bool(timed_out), bool(disowned)):
                crossed = (frozenset(map(str, names)) for names in report[1:5])
                self.kinds, self.errors, self.changed, self.uses = crossed
                self.steps, self.disowned, self.complete, self.unfinished = steps, disowned, True, None
                self.timed_out = self.timed_out or timed_out
            case ("tripped", str(what), str(where)):
                self.tripped |= {f"{what} ({where})"}
            case ("over", int(status), float(cpu_s), float(resident)):
                self.status, self.cpu_s, self.max_rss_mb, self.over = status, cpu_s, resident, True
            case _:
                raise CodecError("the checker sent what isn't a report")

    def result(self) -> Result:
        """How the process of a job ended, as its checker says."""
        code = os.waitstatus_to_exitcode(self.status)
        # Nobody else sends SIGKILL there.
        killers: dict[int, KilledBy] = {-signal.SIGXCPU: "cpu", -signal.SIGKILL: "memory"}
        return result_of(code, killers.get(code), cpu_s=self.cpu_s, max_rss_mb=self.max_rss_mb)


def result_of(code: int, killed_by: KilledBy | None, **measured: Any) -> Result:  # noqa: ANN401 - fields
    """How a process ended: by an exit code, or by the negative number of a signal."""
    return Result(
        status=STATUS_OF[killed_by] if killed_by else "error" if code else "ok",
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        killed_by=killed_by,
        **measured,
    )


def _is_result(told: list[Any]) -> bool:
    kinds = ((str,), (bool,), (str,), (str, type(None)), (str, type(None)), (bool,))
    return len(told) == len(kinds) and all(type(one) in kind for one, kind in zip(told, kinds, strict=True))
