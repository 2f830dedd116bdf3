"""Report the checker's results to the host."""

from __future__ import annotations

import ast
import contextlib
import linecache
from _thread import RLock
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from sandbox.inner.bridge.candidate_line import REPORT
from sandbox.inner.bridge.codec import encode
from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.bridge.proxies import is_proxy
from sandbox.inner.bridge.show_values import CandidateGone, NotPlain, show_error
from sandbox.inner.checker.asserts import Failed
from sandbox.inner.checker.loop_asserts import AssertionTrace
from sandbox.inner.checker.weighed_tests import Weighing
from sandbox.inner.process.wire import Channel

_MAX_MESSAGE = 2000
_MAX_SIDE = 1000
_MOST_LINES = 20
"""Assertions that never ran which are reported."""


class Reports:
    """Reports on check `number`, kept until the next flush, as each message sent wakes the host."""

    def __init__(self, channel: Channel, *, max_failures: int | None = None) -> None:
        """`max_failures`: failures without a failed assertion after which the rest of a check is left out."""
        self.number = 0
        self.link: CandidateLink | None = None
        """The link to the candidate, if there is only one."""
        self.count = 0
        """Results so far."""
        self._failures = 0
        self._max_failures = max_failures
        self._withheld = 0
        """Withheld comparisons of the link before the current test."""
        self.weighing: Weighing | None = None
        """The weighing of the tests, if they are weighed."""
        self._trace: AssertionTrace | None = None
        self._channel = channel
        self._turns = RLock()  # reentrant: an alarm goes off within a report, and in any thread
        self._unsent: list[bytes] = []

    def begin_check(self, number: int) -> None:
        """Begin the check of this number."""
        self.number, self._failures = number, 0

    @property
    def leaves_out_rest(self) -> bool:
        """Whether the rest of the check is left out, as too many of its tests failed without an assertion."""
        return self._max_failures is not None and self._failures >= self._max_failures

    def begin(self, name: str, parameters: dict[str, Any] | None = None, statement: str = "") -> None:
        """Report the start of a test, so that the host can name it if it never ends.

        Args:
            parameters: its parameters, which are read after this.
            statement: its source, if it is compiled after this.
        """
        self._withheld = self.link.withheld if self.link is not None else 0
        if self._trace is not None:
            self._trace.begin_test()
        self.say("begin", self.number, name)
        self.flush()
        if self.weighing is not None:
            self.weighing.begin(name, parameters, statement)

    def shorten(self, *, is_skip: bool) -> None:
        """End a copy whose test has failed, or was skipped: no report of it is needed."""
        if self.weighing is not None and self.weighing.is_copy:
            self.weighing.skip() if is_skip else self.weighing.end("", passed=False)

    def skipped(self) -> None:
        """Note that the current test was skipped, or expected to fail: what it left out shows nothing."""
        if self.weighing is not None:
            self.weighing.skip()
        if self._trace is not None:
            self._trace.forget_test()

    @contextlib.contextmanager
    def traced(self, tree: ast.Module, *filenames: str) -> Iterator[None]:
        """Trace the assertions of a source in the block, and report those that never ran.

        Args:
            filenames: the names under which the source may be compiled.
        """
        weighing = self.weighing
        reading = weighing.reading(tree, self.number, *filenames) if weighing is not None else nullcontext()
        if weighing is not None and weighing.counts_lines:
            with reading:
                yield
            return
        trace = self._trace = AssertionTrace(tree, *filenames)
        try:
            with trace.lines, reading:
                yield
        finally:
            self._trace = None
        for line in trace.never_ran()[:_MOST_LINES]:
            text = linecache.getline(filenames[0], line).strip()
            self.say("unreached", f"{filenames[0]}:{line}: {text}"[:_MAX_SIDE])

    def result(
        self,
        name: str,
        passed: bool,
        message: str = "",
        *,
        expected: str | None = None,
        actual: str | None = None,
        cause: str = "",
    ) -> None:
        """Report the end of a test, and what made it fail, as `CheckResult.cause`."""
        if self.weighing is not None:
            self.weighing.end(name, passed=passed)
        self.count += 1
        if cause == "assertion" and self.link is not None and self.link.withheld > self._withheld:
            cause = "withheld"
        self._failures += not (passed or cause == "assertion")
        sides = [side if side is None else side[:_MAX_SIDE] for side in (expected, actual)]
        self.say("result", self.number, name, passed, message[:_MAX_MESSAGE], *sides, cause)

    def failure(self, name: str, error: BaseException) -> None:
        """Report a test that ended by an exception."""
        expected, actual = (error.expected, error.actual) if isinstance(error, Failed) else (None, None)
        self.result(
            name,
            False,
            "\n".join(describe_failure(error)),
            expected=expected,
            actual=actual,
            cause=cause_of(error),
        )

    @contextlib.contextmanager
    def attempt(self, name: str, statement: str = "") -> Iterator[None]:
        """Report the `with` block as one test, which passes if the block ends without an exception."""
        self.begin(name, statement=statement)
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - any exception of a check is its result
            self.failure(name, error)
        else:
            self.result(name, True)

    def end(self, link: CandidateLink | None = None, *, timed_out: bool = False) -> None:
        """Report the end of all checks, and what crossed a link."""
        if link is None:
            self.say("end", {}, 0, False, False)
            return
        for of, *report in self.weighing.reports() if self.weighing is not None else ():
            self.say("of", of, tuple(report))
        guard = link.guard
        crossed = {
            "kinds": guard.kinds,
            "errors": guard.errors,
            "raising": guard.raising,
            "returning": guard.returning,
            "changed": guard.changed,
            "uses": guard.record.uses,
            "refused": guard.refused | guard.exports.refused,
            "ambiguous": link.ambiguous,
        }
        is_timeout = timed_out or (link.gone is not None and link.gone.timed_out)
        lists = {name: sorted(values) for name, values in crossed.items()}
        self.say("end", lists, guard.steps, is_timeout, link.custom_equality)

    def say(self, *report: object) -> None:
        """Keep a report for the next flush."""
        if self.weighing is not None and self.weighing.is_copy:
            return
        frame = REPORT + encode(report)
        with self._turns:
            self._unsent.append(frame)

    def flush(self, *last: bytes) -> None:
        """Send the kept reports, then `last`; frames stay whole even if another thread sends, too."""
        with self._turns:
            frames, self._unsent = [*self._unsent, *last], []
            if frames:
                self._channel.send_all(frames)


def one_line(error: BaseException) -> str:
    """Describe an exception on one line."""
    return "; ".join(line.strip() for line in describe_failure(error))[:_MAX_MESSAGE]


def cause_of(error: BaseException) -> str:
    """Return what made a test fail that ended by an exception."""
    if isinstance(error, CandidateGone):
        return error.cause
    if isinstance(error, SystemExit):
        return "exit"
    return "assertion" if isinstance(error, AssertionError) else ""


def is_success(error: SystemExit) -> bool:
    """Whether a test itself ends its process, with an exit status of 0."""
    return not is_proxy(error) and (
        error.code is None or (type(error.code) in (int, bool) and not error.code)
    )


def describe_failure(error: BaseException) -> list[str]:
    """Return lines on a failure: the test's line, the exception, and positions in the candidate's files."""
    if isinstance(error, Failed):
        return [str(error), f"  expected: {error.expected}", f"  actual:   {error.actual}"]
    if isinstance(error, (CandidateGone, NotPlain)):
        return [str(error)]
    line, text = _source_line(error), show_error(error)
    exception_line = (
        "" if line and isinstance(error, AssertionError) and not text else f"{type(error).__name__}: {text}"
    )
    return [*filter(None, (line, exception_line)), *find_places(error)]


def find_places(error: BaseException) -> list[str]:
    """List the positions in the candidate's files where an error was raised, innermost last."""
    return [f"  at {place}" for place in vars(error).get("__where__", [])]


def _source_line(error: BaseException) -> str:
    """Return the test's line that was running."""
    trace, source_line = error.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        source_line = linecache.getline(name, trace.tb_lineno).strip() if name in _tests else source_line
        trace = trace.tb_next
    return source_line


_tests: set[str] = set()


def register_source(filename: str, source: str) -> None:
    """Register a test file, so that messages show its lines."""
    _tests.add(filename)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
