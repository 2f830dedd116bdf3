"""Uses of a test's values by the case's own answer: recorded once, they are the uses allowed to others.

Most uses are recorded by the line of the test at which they happen: a test has the same text for each answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from types import TracebackType

MAX_USES = 10_000
"""Distinct uses recorded: a candidate may ask for any name."""

ANY_CHANGE = "**"
"""Allows changes of every argument, though uses are recorded by line."""
ANY_COMPARISON = "compare"
"""Allows comparisons by the candidate's own operators, if these tell values apart."""
ANY_USE = "***"
"""Allows all uses except changes to mocks."""
_SOURCES = ("<test>", "<prompt>")
"""File names of the tests of a function, and of what its prompt defines."""


class UseRecord:
    """Uses of one check; `allowed` ones were recorded by an earlier check, None allows and records all."""

    def __init__(self, allowed: Collection[str] | None, *, by_line: bool) -> None:
        self.uses: set[str] = set()
        self.by_line = by_line
        """Whether uses are recorded by line; if not, uses that need a line are always allowed."""
        self._allowed = None if allowed is None else frozenset(allowed)
        self._here = os.getcwd() + os.sep

    def permits(self, uses: Collection[str], *, also: Collection[str] = ()) -> bool:
        """Return whether one of the uses is allowed; while recording, record and allow all.

        Args:
            also: other names under which the use may have been recorded.
        """
        if self._allowed is not None and ANY_USE in self._allowed:
            return True
        if self._allowed is not None:
            return not (self._allowed.isdisjoint(uses) and self._allowed.isdisjoint(also))
        if len(self.uses) < MAX_USES:
            self.uses.update(uses)
        return True

    def has(self, use: str) -> bool:
        """Whether this use was recorded earlier."""
        return self._allowed is not None and use in self._allowed

    def note(self, use: str) -> None:
        """Record a use that doesn't need to be allowed."""
        if self._allowed is None:
            self.permits({use})

    def line(self) -> str:
        """Return path and number of the running line of the test; empty if it can't be determined."""
        frame = sys._getframe(1)
        while frame is not None:
            if self._is_of_tests(frame.f_code.co_filename):
                return self._named(frame.f_code.co_filename, frame.f_lineno)
            frame = frame.f_back  # type: ignore[assignment]
        return ""

    def raising_line(self, trace: TracebackType | None) -> str:
        """Return the innermost test line at which an error was raised or passed on; empty without one."""
        line = ""
        while trace is not None:
            if self._is_of_tests(trace.tb_frame.f_code.co_filename):
                line = self._named(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            trace = trace.tb_next
        return line

    def _is_of_tests(self, filename: str) -> bool:
        return filename.startswith(self._here) or not filename.startswith(("/", "<")) or filename in _SOURCES

    def _named(self, filename: str, number: int) -> str:
        path = filename[len(self._here) :] if filename.startswith(self._here) else filename
        return f"{path}:{number}"
