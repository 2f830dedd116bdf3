"""Asked files: the files and lines that words name, such as "lines 290-350 of cart.py". Pure."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from coder.context.quoting import Range
from coder.text.paths_in_text import PrintedPaths

_MOST_READ = 64 << 10
"""Characters of an answer that are looked at."""
_DASH = r"(?:[-\u2013\u2014]|to|through)"
_LINES = rf"L?\d{{1,7}}(?:\s*(?:{_DASH}|,|and)\s*L?\d{{1,7}})*"
_SAID = re.compile(
    rf"\b(?:lines?[\s:]+(?P<lines>{_LINES}))"
    rf"|(?P<name>[\w.\\/-]{{1,400}})(?:(?::|#)(?P<behind>L?\d{{1,7}}(?:{_DASH}L?\d{{1,7}})?))?",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"L?(\d+)(?:\s*{_DASH}\s*L?(\d+))?", re.IGNORECASE)
_OF = re.compile(r"\W*\b(?:of|in|from)\b[\s\w]{0,20}\W*", re.IGNORECASE)
"""Between lines and the name of the file that they belong to."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A file that a text names, or lines."""

    start: int
    end: int
    path: str | None = None
    lines: tuple[Range, ...] = ()


def asked_files(text: str, paths: Collection[str], *, default: str) -> dict[str, tuple[Range, ...]]:
    """The files that a text names, with the lines that it names of each; none of lines means all of the file.

    Args:
        text: an answer without edits.
        paths: the files that there are.
        default: the file that lines belong to where no file is named.
    """
    named = list(_named(text[:_MOST_READ], PrintedPaths(paths)))
    found: dict[str, list[Range]] = {}
    for at, one in enumerate(named):
        path = one.path or _file_of(text, named, at) or default
        if path in paths:
            found.setdefault(path, []).extend(one.lines)
    return {path: tuple(dict.fromkeys(lines)) for path, lines in found.items()}


def _named(text: str, paths: PrintedPaths) -> Iterator[_Named]:
    for said in _SAID.finditer(text):
        if (lines := said["lines"]) is not None:
            yield _Named(said.start(), said.end(), lines=_ranges(lines))
            continue
        name = said["name"].rstrip(".")
        is_quoted = text[said.start() - 1 : said.start()] == "`"
        if is_quoted or "." in name or "/" in name:
            path = paths.find(name)
            if path is not None:
                yield _Named(said.start(), said.end(), path, _ranges(said["behind"] or ""))


def _ranges(text: str) -> tuple[Range, ...]:
    pairs = ((int(first), int(last or first)) for first, last in _PAIR.findall(text))
    return tuple((min(pair), max(pair)) for pair in pairs)


def _file_of(text: str, named: list[_Named], at: int) -> str | None:
    """The file that lines belong to: the one that "of" leads to, else the one before, else the one behind."""
    behind = next((other for other in named[at + 1 :] if other.path), None)
    before = next((other for other in reversed(named[:at]) if other.path), None)
    if behind is not None and (before is None or _OF.fullmatch(text, named[at].end, behind.start)):
        return behind.path
    return before.path if before is not None else None
