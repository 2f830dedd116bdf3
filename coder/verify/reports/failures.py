"""One failed test of a report: its message, its place in a file, and the expected and actual values."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coder.base.text.paths_in_text import PrintedPaths
from coder.base.text.sanitize import printable
from coder.run.message import CheckLine

MAX_LINES = 50_000
MAX_MESSAGE = 4000
_NAME_CHARACTERS = 500
_SEARCHED_CHARACTERS = 64 * 1024
"""Search at most this many characters of a text for places in files."""
_TOTAL_SEARCHED_CHARACTERS = 1 << 20
_COMPARED_CHARACTERS = 4096
_VALUE_CHARACTERS = 500
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
_STRINGS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_JOINS = re.compile(r" (?:and|or|==) ")
_CLOSING = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class RunnerReport:
    """All tests that ran, as their runner reports them."""

    lines: tuple[CheckLine, ...]
    complete: bool = True
    """Whether the report has its end; False if it was cut off."""
    running: tuple[CheckLine, ...] = ()
    """Tests that had begun and not ended, as failures with what they had printed."""


class PrintedPlaces:
    """Finds places in the files of one workspace in the output of programs."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = PrintedPaths(paths)
        self._characters_left = _TOTAL_SEARCHED_CHARACTERS

    def count_searched(self, text: str) -> bool:
        """Count a text's length; return whether to search it, as only the first failures are searched."""
        self._characters_left -= len(text)
        return self._characters_left >= 0

    def resolve(self, printed: str) -> str | None:
        """Return the workspace's path for a printed path; None if it is ambiguous."""
        return self._paths.find(printed)

    def all(self, text: str, *, folder: str = "") -> Iterator[tuple[str, int]]:
        """Yield the places that a text names, in order; a bare name is searched in `folder` first."""
        part = text[:_SEARCHED_CHARACTERS]
        matches = sorted((match.start(), match) for pattern in _PLACES for match in pattern.finditer(part))
        for _, match in matches:
            path = self._paths.find(match["path"], folder=folder)
            if path is not None:
                yield path, int(match["line"])

    def first(self, text: str, *, folder: str = "") -> tuple[str, int] | tuple[None, None]:
        """Return the first place that a text names, or two Nones."""
        return next(self.all(text, folder=folder), (None, None))

    def last(self, text: str) -> tuple[str, int] | tuple[None, None]:
        """Return the last place that a text names, such as the end of a Python traceback, or two Nones."""
        places = list(self.all(text))
        return places[-1] if places else (None, None)


def compared_values(text: str) -> tuple[str | None, str | None]:
    """Return the expected and actual value of a failed assertion as printed, or two Nones.

    The actual value is taken to come first unless the format says otherwise. An assertion that joins several
    comparisons has no such values.
    """
    part = text[:_COMPARED_CHARACTERS]
    first_matches = (pattern.search(part) for pattern in _PATTERNS)
    matches = [match for match in first_matches if match and all(map(_is_one_value, match.groups()))]
    if not matches:
        return None, None
    first_match = min(matches, key=lambda match: match.start())
    return first_match["expected"].strip()[:_VALUE_CHARACTERS], first_match["actual"].strip()[
        :_VALUE_CHARACTERS
    ]


def _is_one_value(text: str) -> bool:
    """Return whether a printed text may be one value: its brackets match, and no operator joins its parts."""
    bare = _STRINGS.sub("''", text)
    if "..." in bare:  # shortened, perhaps within brackets
        return True
    if bare.strip()[:1] in ("'", '"') and not bare.strip().startswith("''"):  # a part of a string
        return False
    open_brackets: list[str] = []
    outermost: list[str] = []
    for character in bare:
        if character in _CLOSING.values():
            open_brackets.append(character)
        elif character in _CLOSING and (not open_brackets or open_brackets.pop() != _CLOSING[character]):
            return False
        elif not open_brackets:
            outermost.append(character)
    return not open_brackets and not _JOINS.search("".join(outermost))


def failed_line(
    name: str,
    message: str,
    places: PrintedPlaces,
    *,
    path: str | None = None,
    line: int | None = None,
    folder: str = "",
) -> CheckLine:
    """Return a failed test with its values and its place, which is `path` or else the message's."""
    message = printable(message).strip()[:MAX_MESSAGE]
    expected = actual = None
    if places.count_searched(message):
        expected, actual = compared_values(message)
        if path is None:
            path, line = places.first(message, folder=folder)
    return CheckLine(
        name=printable(name)[:_NAME_CHARACTERS],
        passed=False,
        message=message,
        expected=expected,
        actual=actual,
        path=path,
        line=line,
    )


def passed_line(name: str) -> CheckLine:
    """Return the line of a test that passed."""
    return CheckLine(name=printable(name)[:_NAME_CHARACTERS], passed=True)
