"""How the checker's process tells the host what it found: one report per check, and one at the end."""

from __future__ import annotations

import contextlib
import linecache
from typing import TYPE_CHECKING

from sandbox.inner.bridge.codec import encode
from sandbox.inner.bridge.frames import REPORT
from sandbox.inner.bridge.link_errors import CandidateGone, NotPlain
from sandbox.inner.checker.asserts import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.inner.process.channel import Channel

_MAX_MESSAGE = 2000
_MAX_SIDE = 1000


class Reports:
    """Sends what happened; the host believes nothing else."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.count = 0
        """Results so far."""

    def check(self, number: int) -> None:
        """What follows is about the check of this number."""
        self._send("check", number)

    def begin(self, name: str) -> None:
        """A check is about to run: the host names it, should it never end."""
        self._send("begin", name)

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
        """A check ended; `asserted` where an assertion failed."""
        self.count += 1
        sides = [side if side is None else side[:_MAX_SIDE] for side in (expected, actual)]
        self._send("result", name, passed, message[:_MAX_MESSAGE], *sides, asserted)

    def end(self, *, mutated: bool, referred: bool, disowned: bool, uses: list[str]) -> None:
        """All checks were reported."""
        self._send("end", mutated, referred, disowned, uses)

    def _send(self, *report: object) -> None:
        self._channel.send(REPORT + encode(report))

    def failure(self, name: str, error: BaseException) -> None:
        """A check ended by an exception."""
        expected, actual = sides(error)
        asserted = isinstance(error, AssertionError)
        self.result(name, False, told(error), expected=expected, actual=actual, asserted=asserted)

    @contextlib.contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Run one check in the block: it passed when the block ends without an exception."""
        self.begin(name)
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - whatever a check raises is its result
            self.failure(name, error)
        else:
            self.result(name, True)


def sides(error: BaseException) -> tuple[str | None, str | None]:
    """What was expected and what was there, where the error knows."""
    return (error.expected, error.actual) if isinstance(error, Failed) else (None, None)


def told(error: BaseException) -> str:
    """An error as a person, or a model, can act on it: what was run, what was raised, and where."""
    if isinstance(error, Failed):
        return f"{error}\n  expected: {error.expected}\n  actual:   {error.actual}"
    if isinstance(error, (CandidateGone, NotPlain)):
        return str(error)
    lines = [*_source_line(error), f"{type(error).__name__}: {error}"]
    return "\n".join([*lines, *places(error)])


def places(error: BaseException) -> list[str]:
    """Where in the candidate's files an error was raised, the innermost last."""
    return [f"  at {place}" for place in vars(error).get("__where__", [])]


def _source_line(error: BaseException) -> list[str]:
    """The line of the test that was being run."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        found = (
            linecache.getline(code.co_filename, trace.tb_lineno).strip()
            if _is_test(code.co_filename)
            else found
        )
        trace = trace.tb_next
    return [found] if found else []


_tests: set[str] = set()


def remember(filename: str, source: str) -> None:
    """Know a file as one of the tests, so that messages show its lines."""
    _tests.add(filename)
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)


def _is_test(filename: str) -> bool:
    return filename in _tests
