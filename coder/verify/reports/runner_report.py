"""Report: what a test runner said of its tests."""

from dataclasses import dataclass

from coder.run.message import CheckLine
from coder.text.sanitize import printable
from coder.verify.reports.compared import compared
from coder.verify.reports.failure_places import Places

MOST_LINES = 50_000
MOST_MESSAGE = 4000
_NAME = 500


@dataclass(frozen=True, slots=True)
class Report:
    """Every test that ran, as its runner reports it."""

    lines: tuple[CheckLine, ...]
    complete: bool = True
    """The report came to its own end; False where it was cut off."""

    @property
    def ran(self) -> bool:
        """At least one test ran."""
        return bool(self.lines)


def failed_line(
    name: str,
    message: str,
    places: Places,
    *,
    path: str | None = None,
    line: int | None = None,
    folder: str = "",
) -> CheckLine:
    """A failed test, with its place and values so far as its message names them.

    Args:
        path: the place where the report gives it apart from the message.
    """
    message = printable(message).strip()[:MOST_MESSAGE]
    expected = actual = None
    if places.may_look(message):
        expected, actual = compared(message)
        if path is None:
            path, line = places.first(message, folder=folder)
    return CheckLine(
        name=printable(name)[:_NAME],
        passed=False,
        message=message,
        expected=expected,
        actual=actual,
        path=path,
        line=line,
    )


def passed_line(name: str) -> CheckLine:
    """A test that passed."""
    return CheckLine(name=printable(name)[:_NAME], passed=True)
