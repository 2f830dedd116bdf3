"""One failed test of a report: its message, the place that it names, the expected and the actual value."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coder.base.text.paths_in_text import PrintedPaths
from coder.base.text.sanitize import printable
from coder.run.message import CheckLine

MOST_LINES = 50_000
MOST_MESSAGE = 4000
_NAME = 500
_MOST = 64 * 1024
"""Characters of a text that are searched for places."""
_MOST_IN_ALL = 1 << 20
_MOST_COMPARED = 4096
_VALUE = 500
_PLACES = (
    re.compile(r'File "(?P<path>[^"\n]{1,1000})", line (?P<line>\d{1,7})'),  # Python
    re.compile(
        r"(?<![\w@+.,~/\\-])(?P<path>[\w@+.,~/\\-]{1,500}\.\w{1,8}):(?P<line>\d{1,7})\b"
    ),  # most others
    re.compile(
        r"(?<![\w@+.,~/\\-])(?P<path>[\w@+.,~/\\-]{1,500}\.\w{1,8})\((?P<line>\d{1,7})[,)]"
    ),  # tsc, MSBuild
)
_PATTERNS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        # pytest, unittest, Rust, vitest and chai, node: the actual value comes first
        r"^(?:E +)?assert (?P<actual>[^\n]+?) == (?P<expected>[^\n]+)$",
        r"^(?:E +)?AssertionError: (?P<actual>[^\n]+?) != (?P<expected>[^\n]+?)(?: : [^\n]*)?$",
        r"^[ \t]*left: (?P<actual>[^\n]+)\n[ \t]*right: (?P<expected>[^\n]+)$",
        r"\bexpected (?P<actual>[^\n]+?) to (?:deeply |strictly )?(?:be|equal) (?P<expected>[^\n]+?)"
        r"(?: // [^\n]*)?$",
        r"^[ \t]*actual: (?P<actual>[^\n]+?),?\n[ \t]*expected: (?P<expected>[^\n]+?),?$",
        # jest, testify, JUnit, what Go's tests say by habit
        r"^[ \t]*[Ee]xpected: (?P<expected>[^\n]+)\n(?:[ \t]*\n)?[ \t]*"
        r"(?:Received|[Aa]ctual *): (?P<actual>[^\n]+)$",
        r"expected:? ?<(?P<expected>[^\n>]*)> but was:? ?<(?P<actual>[^\n>]*)>",
        r"(?:\bgot| =) (?P<actual>[^\n=]+?)[,;] want(?:ed)? (?P<expected>[^\n]+)$",
    )
)


@dataclass(frozen=True, slots=True)
class RunnerReport:
    """All tests that ran, as their runner reports them."""

    lines: tuple[CheckLine, ...]
    complete: bool = True
    """The report came to its own end; False where it was cut off."""


class PrintedPlaces:
    """Finds the places that programs print, for the files of one workspace."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = PrintedPaths(paths)
        self._left = _MOST_IN_ALL

    def may_look(self, text: str) -> bool:
        """Whether this text is searched too: only the first failures of a long report are."""
        self._left -= len(text)
        return self._left >= 0

    def resolve(self, printed: str) -> str | None:
        """The workspace's path for a printed one; None where several may be meant."""
        return self._paths.find(printed)

    def all(self, text: str, *, folder: str = "") -> Iterator[tuple[str, int]]:
        """Yield the places that a text names, in order; a bare name is searched in `folder` first."""
        part = text[:_MOST]
        matches = sorted((match.start(), match) for pattern in _PLACES for match in pattern.finditer(part))
        for _, match in matches:
            path = self._paths.find(match["path"], folder=folder)
            if path is not None:
                yield path, int(match["line"])

    def first(self, text: str, *, folder: str = "") -> tuple[str, int] | tuple[None, None]:
        """The first place that a text names, or two Nones."""
        return next(self.all(text, folder=folder), (None, None))

    def last(self, text: str) -> tuple[str, int] | tuple[None, None]:
        """Return the last place that a text names, the end of a Python traceback; or two Nones."""
        places = list(self.all(text))
        return places[-1] if places else (None, None)


def compared(text: str) -> tuple[str | None, str | None]:
    """Expected and actual value of a failed assertion as printed (by default actual first), or two Nones."""
    part = text[:_MOST_COMPARED]
    matches = [match for pattern in _PATTERNS if (match := pattern.search(part))]
    if not matches:
        return None, None
    first = min(matches, key=lambda match: match.start())
    return first["expected"].strip()[:_VALUE], first["actual"].strip()[:_VALUE]


def failed_line(
    name: str,
    message: str,
    places: PrintedPlaces,
    *,
    path: str | None = None,
    line: int | None = None,
    folder: str = "",
) -> CheckLine:
    """A failed test, with its values, and its place as given (`path`) or as its message names it."""
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
