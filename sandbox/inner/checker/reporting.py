"""Report the checker's results to the host."""

from __future__ import annotations

import contextlib
import linecache
from _thread import RLock
from collections.abc import Iterator

from sandbox.inner.bridge.candidate_line import REPORT
from sandbox.inner.bridge.codec import encode
from sandbox.inner.bridge.link import Link
from sandbox.inner.bridge.show_values import CandidateGone, NotPlain, show_error
from sandbox.inner.checker.asserts import Failed
from sandbox.inner.process.wire import Channel

_MAX_MESSAGE = 2000
_MAX_SIDE = 1000


class Reports:
    """Reports on check `number`, kept until the next flush: each one sent wakes the host."""

    def __init__(self, channel: Channel) -> None:
        self.number = 0
        self.count = 0
        """Results so far."""
        self._channel = channel
        self._turns = RLock()  # reentrant: an alarm goes off within a report, and in any thread
        self._unsent: list[bytes] = []

    def begin(self, name: str) -> None:
        """Announce a test: the host names it if it never ends."""
        self.say("begin", self.number, name)
        self.flush()

    def result(
        self,
        name: str,
        passed: bool,
        message: str = "",
        *,
        expected: str | None = None,
        actual: str | None = None,
        asserted: bool = False,
    ) -> None:
        """Report the end of a test; `asserted` if an assertion failed."""
        self.count += 1
        sides = [side if side is None else side[:_MAX_SIDE] for side in (expected, actual)]
        self.say("result", self.number, name, passed, message[:_MAX_MESSAGE], *sides, asserted)

    def failure(self, name: str, error: BaseException) -> None:
        """Report a test that ended by an exception."""
        expected, actual = (error.expected, error.actual) if isinstance(error, Failed) else (None, None)
        asserted = isinstance(error, AssertionError)
        self.result(name, False, "\n".join(told(error)), expected=expected, actual=actual, asserted=asserted)

    @contextlib.contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Run one test in the block; it passes if the block ends without an exception."""
        self.begin(name)
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - any exception of a check is its result
            self.failure(name, error)
        else:
            self.result(name, True)

    def end(self, link: Link | None = None, *, timed_out: bool = False) -> None:
        """Report the end of all checks, and what crossed a link."""
        if link is None:
            self.say("end", {}, 0, False, False)
            return
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
        late = timed_out or (link.gone is not None and link.gone.timed_out)
        lists = {name: sorted(some) for name, some in crossed.items()}
        self.say("end", lists, guard.steps, late, link.custom_equality)

    def say(self, *report: object) -> None:
        """Keep a report for the next flush."""
        frame = REPORT + encode(report)
        with self._turns:
            self._unsent.append(frame)

    def flush(self, *last: bytes) -> None:
        """Send the kept reports, and frames after them, whole even if another thread sends, too."""
        with self._turns:
            frames, self._unsent = [*self._unsent, *last], []
            if frames:
                self._channel.send_all(frames)


def one_line(error: BaseException) -> str:
    """The message of an exception, on one line."""
    return "; ".join(line.strip() for line in told(error))[:_MAX_MESSAGE]


def told(error: BaseException) -> list[str]:
    """Lines of a message: the test's line, the exception, and its places in the candidate's files."""
    if isinstance(error, Failed):
        return [str(error), f"  expected: {error.expected}", f"  actual:   {error.actual}"]
    if isinstance(error, (CandidateGone, NotPlain)):
        return [str(error)]
    line, said = _source_line(error), show_error(error)
    raised = (
        "" if line and isinstance(error, AssertionError) and not said else f"{type(error).__name__}: {said}"
    )
    return [*filter(None, (line, raised)), *places(error)]


def places(error: BaseException) -> list[str]:
    """Places in the candidate's files where an error was raised, innermost last."""
    return [f"  at {place}" for place in vars(error).get("__where__", [])]


def _source_line(error: BaseException) -> str:
    """The test's line that was running."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        found = linecache.getline(name, trace.tb_lineno).strip() if name in _tests else found
        trace = trace.tb_next
    return found


_tests: set[str] = set()


def remember(filename: str, source: str) -> None:
    """Register a test file, so that messages show its lines."""
    _tests.add(filename)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
