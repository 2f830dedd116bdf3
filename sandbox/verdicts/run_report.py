"""What may cross from a candidate to its tests, and a checker's reports on them."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sandbox.host.limits import STATUS_OF
from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.record import ANY_CHANGE
from sandbox.inner.bridge.record import ANY_COMPARISON as ANY_COMPARISON
from sandbox.inner.bridge.record import ANY_USE as ANY_USE
from sandbox.result import KilledBy, Result, Value

MAX_REPORTS = 50_000
"""Maximum reports of one job, which is cut off and incomplete beyond that."""


class Crossing(Value):
    """What may cross besides plain data. A field that is None allows and reports everything."""

    kinds: frozenset[str] | None = frozenset()
    """Kinds of references: `generator`, `coroutine`, `function`, `record`, or `object` (not verified)."""
    errors: frozenset[str] | None = frozenset()
    """Names of standard exceptions that the tests expect."""
    raising: frozenset[str] = frozenset()
    """Digests of calls in which any exception may be raised."""
    returning: frozenset[str] = frozenset()
    """Digests of calls that must return: an error of one ends a test that has no handler for it."""
    steps: int | None = None
    """Maximum steps of all generators together; None: no limit but time."""
    write_back: bool = False
    """Apply a call's changes to its arguments to the test's own objects."""
    changed: frozenset[str] | None = None
    """Arguments that may be changed, by position or name (`*`: in calls of other functions; `**`: all)."""
    uses: frozenset[str] | None = None
    """Allowed uses of the test's objects, as listed in an earlier report; mocks can't be changed then."""
    data_decides: bool = False
    """Never compare candidate objects by their own operators, nor set attributes on a mock.

    Uses are then also recorded by the line of the test: changes of arguments, errors that don't reach the
    test, operators that compute with the test's data."""

    def plain(self) -> dict[str, object]:
        """Return the fields as JSON-compatible data."""
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in self}


ALL_CHANGES = frozenset({ANY_CHANGE})
"""For `Crossing.changed`: changes of every argument, even where uses are recorded by line."""
ANY_CROSSING = Crossing(kinds=None, errors=None, write_back=True)
"""Allows everything."""


FailureCause = Literal["", "assertion", "withheld", "exit", "cut"]
"""A failed assertion; one after an object's own answer to a comparison wasn't taken; the candidate ended its
process; the test was cut off, or not run; or anything else."""


class CheckResult(Value):
    """Result of one check. The message holds what a repair needs: source, both sides, the exception."""

    name: str
    passed: bool
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    cause: FailureCause = ""
    """What made it fail."""

    @property
    def asserted(self) -> bool:
        """Whether it failed by an assertion."""
        return self.cause == "assertion"

    @property
    def is_cut(self) -> bool:
        """Whether it was cut off or not run at all, so that it tells nothing about the candidate."""
        return self.cause == "cut"


@dataclass(slots=True)
class RunReport:
    """Reports so far. A malformed report ends the job without a verdict."""

    unloaded: str | None = None
    """Why a trial's module or function couldn't be loaded."""
    results: dict[int, list[CheckResult]] = field(default_factory=dict)
    """Results by the number of the check."""
    unfinished: tuple[int, str] | None = None
    """Number and name of the test that began and didn't end."""
    lines: dict[int, dict[int, int]] = field(default_factory=dict)
    """By the number of a trial's test that passed: how often its lines with assertions ran; unknown if there
    were too many."""
    items: dict[int, dict[int, int]] = field(default_factory=dict)
    """So, how many items the comprehensions on these lines had."""
    exchanged: str = ""
    """Digest of all frames that passed between a trial's tests, all of which passed, and the candidate."""
    given: dict[str, int] = field(default_factory=dict)
    """Of a weighed trial without others to compare with: how often each exchange took place."""
    sizes: dict[str, int] = field(default_factory=dict)
    """By request: the least number of items of its answers."""
    answer_parts: frozenset[str] = frozenset()
    """As PART REQUEST, what its answers consist of, as `RequestTrials` changes it."""
    other_exchanges: dict[str, str] = field(default_factory=dict)
    """Exchanges that the case's own answer doesn't have, or less often; the first of a kind with its text."""
    fewer_exchanges: dict[str, int] = field(default_factory=dict)
    """Exchanges that the case's own answer has more often."""
    counter_trials: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By what was changed, as `counter_trial.Changed` or of one request, as `RequestTrials.run`: runs, and
    those in which a test failed."""
    parts: dict[str, "RunReport"] = field(default_factory=dict)
    """Reports on the weighing of each function of a test file's tests; of "" on what happened outside of
    them."""
    weighed: bool = False
    """Whether the trial was weighed to its end."""
    evaluated: frozenset[str] = frozenset()
    """Digests of data that its tests turned into code."""
    unreached: frozenset[str] = frozenset()
    """As PATH:LINE: TEXT, the first assertion of each of a check's functions that ran without any, as
    its loops had nothing to do."""
    together: str | None = None
    """Why the tests fail in the candidate's own process; "" if they pass there, None if they weren't run."""
    replayed: int = 0
    differing: int = 0
    """Number of repeated calls, and number of those whose answer differed."""
    has_unrepeated: bool = False
    """Whether some calls can't be repeated alone, as functions or objects cross with them."""
    stateful: str = ""
    """Why the tests fail with the differing answers, or on a candidate that was called before."""
    kinds: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    raising: frozenset[str] = frozenset()
    returning: frozenset[str] = frozenset()
    steps: int = 0
    changed: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    """What crossed, as fields of `Crossing`."""
    refused: frozenset[str] = frozenset()
    """Fields of `Crossing` by which something was refused."""
    ambiguous: frozenset[str] = frozenset()
    """Modules of the candidate that the checker has, too."""
    custom_equality: bool = False
    """Whether an object with a custom `__eq__` was compared with plain data, of which it equals none."""
    timed_out: bool = False
    """Whether the whole job or a call of the candidate timed out."""
    complete: bool = False
    """Whether the checker reached the end of its tests."""
    tripped: frozenset[str] = frozenset()
    """Alarms set off where tests and candidate share a process: what, and where."""
    process_ended: bool = False
    """Whether the process of the job has ended."""
    status: int = 0
    """Wait status of that process."""
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    note: str = ""
    """Why the report is incomplete."""
    decides: Callable[[CheckResult], bool] | None = None
    """Whether a result makes all others needless."""
    others_s: float = 0.0
    """Seconds that the other tests still get after such a result."""
    decided: bool = False
    """Whether a result was reported that makes all others needless."""
    _count: int = 0

    @property
    def tests(self) -> list[str]:
        """For each finished test of a trial, why it failed, or an empty string."""
        return [
            "" if result.passed else result.message or "failed"
            for results in self.results.values()
            for result in results
        ]

    def take(self, report: Any) -> None:  # noqa: ANN401 - whatever was sent
        """Add one report. Raises CodecError if it is malformed or one too many."""
        self._count += 1
        if self._count > MAX_REPORTS:
            raise CodecError(f"the checker sent more than {MAX_REPORTS:,} reports")
        match report:
            case ("begin", int(number), str(name)):
                self.unfinished = number, name
            case ("result", int(number), *values) if _is_result(values):
                self.unfinished = None
                result = CheckResult(**dict(zip(CheckResult.model_fields, values, strict=True)))
                self.results.setdefault(number, []).append(result)
                self.decided = self.decided or (self.decides is not None and self.decides(result))
            case ("unloaded", str(reason)):
                self.unloaded = reason
            case ("lines", int(number), dict(counts), dict(items)):
                self.lines[number] = {int(line): int(count) for line, count in counts.items()}
                self.items[number] = {int(line): int(count) for line, count in items.items()}
            case ("exchanged", str(digest), bool(is_compared)):
                self.exchanged, self.has_unrepeated = digest, not is_compared
            case ("given", dict(counts), dict(sizes), list(names)):
                self.given = {str(key): int(count) for key, count in counts.items()}
                self.sizes = {str(request): int(size) for request, size in sizes.items()}
                self.answer_parts = frozenset(map(str, names))
            case ("differing", dict(shown), dict(counts)):
                self.other_exchanges = {str(key): str(text) for key, text in shown.items()}
                self.fewer_exchanges = {str(key): int(count) for key, count in counts.items()}
            case ("changed", str(what), int(tried), int(failed)):
                self.counter_trials[what] = tried, failed
            case ("weighed", list(digests)):
                self.weighed, self.evaluated = True, frozenset(map(str, digests))
            case ("of", str(name), (str(), *_) as part) if part[0] in _OF_PARTS:
                self.parts.setdefault(name, RunReport()).take(part)
            case ("unreached", str(place)):
                self.unreached |= {place}
            case ("together", str(reason)):
                self.together = reason
            case ("replayed", int(count), int(differing), str(reason)):
                self.replayed, self.differing, self.stateful = count, differing, reason
            case ("end", dict(crossed), int(steps), bool(timed_out), bool(custom_equality)) if (
                crossed.keys() <= _CROSSED
            ):
                for name, entries in crossed.items():
                    setattr(self, name, frozenset(map(str, entries)))
                self.steps, self.custom_equality, self.complete, self.unfinished = (
                    steps,
                    custom_equality,
                    True,
                    None,
                )
                self.timed_out = self.timed_out or timed_out
            case ("tripped", str(what), str(where)):
                self.tripped |= {f"{what} ({where})"}
            case ("over", int(status), float(cpu_s), float(resident)):
                self.status, self.cpu_s, self.max_rss_mb, self.process_ended = status, cpu_s, resident, True
            case _:
                raise CodecError("the checker sent what isn't a report")

    def result(self) -> Result:
        """Return how the process of a job ended, as reported by its checker."""
        code = os.waitstatus_to_exitcode(self.status)
        # In the checker only the kernel sends SIGKILL.
        killers: dict[int, KilledBy] = {-signal.SIGXCPU: "cpu", -signal.SIGKILL: "memory"}
        return result_of(code, killers.get(code), cpu_s=self.cpu_s, max_rss_mb=self.max_rss_mb)


def result_of(code: int, killed_by: KilledBy | None, **fields: Any) -> Result:  # noqa: ANN401 - fields
    """Make a result from an exit code, or from the negative number of a signal."""
    return Result(
        status=STATUS_OF[killed_by] if killed_by else "error" if code else "ok",
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        killed_by=killed_by,
        **fields,
    )


_OF_PARTS = frozenset({"given", "differing", "changed", "lines", "weighed"})
_CROSSED = frozenset({"kinds", "errors", "raising", "returning", "changed", "uses", "refused", "ambiguous"})


def _is_result(values: list[Any]) -> bool:
    types = ((str,), (bool,), (str,), (str, type(None)), (str, type(None)), (str,))
    return (
        len(values) == len(types)
        and all(type(value) in allowed for value, allowed in zip(values, types, strict=True))
        and values[-1] in get_args(FailureCause)
    )
