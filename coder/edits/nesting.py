"""Find the end of a fenced block with fences in its text (CommonMark 4.5, and models' habits).

A closing fence has no info string, and at most three blanks before it. An opening fence with an info string
nests. The file resolves ambiguity: Python must parse, Markdown takes the longest reading.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from coder.edits.paths import name_in
from coder.source.python_names import parse_source

_MOST_BLANKS = 3
"""Most blanks before a fence (CommonMark 4.5)."""
_FENCE = re.compile(r"^[ ]{0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
Language = Literal["python", "markdown", "other"]
_MOST_FENCES = 400
"""Fences behind the opening one that are examined."""
_MOST_EXAMINED = 20_000
"""Most fences examined for all blocks of an answer; then the first that can close a block does."""
_MOST_PARSES = 200
"""Most parses for all blocks of an answer together."""
_MOST_PARSED = 500_000
"""Most characters of code that is parsed to find its end."""


def opening_fence(line: str) -> re.Match[str] | None:
    """`mark` and `info` of a line that opens a block."""
    return _FENCE.match(line)


def closes(line: str, mark: str) -> bool:
    """Whether a line closes the block that this mark opened."""
    line, mark = line.rstrip(), mark.strip()
    bare = line.lstrip(" ")
    return len(line) - len(bare) <= _MOST_BLANKS and bare.startswith(mark) and not bare.strip(mark[0])


def closes_signed(line: str, mark: str) -> bool:
    """As `closes`, in a block of signed lines: a fence behind a context sign (blank) is part of it."""
    return (mark.startswith(" ") or not line.startswith(" ")) and closes(line, mark)


@dataclass(frozen=True, slots=True)
class _Fence:
    line: int
    mark: str
    info: str


class Fences:
    """All fences of an answer."""

    def __init__(self, lines: Sequence[str], *, files: Collection[str]) -> None:
        """Find them in lines without ends; `files` may have names of any shape."""
        self._lines = lines
        self._files = files
        self._parsed, self._examined = 0, 0
        openings = ((i, opening_fence(line.rstrip())) for i, line in enumerate(lines))
        self._all = [_Fence(i, fence["mark"], fence["info"].strip()) for i, fence in openings if fence]

    def end(self, at: int, language: Language) -> int:
        """The line that closes the block opened in line `at`; the end of the lines if none does."""
        start = bisect_right(self._all, at, key=lambda fence: fence.line)
        mark = self._all[start - 1].mark
        behind = (self._all[i] for i in range(start, len(self._all)))
        first = next((fence.line for fence in behind if not fence.info and fence.mark.startswith(mark)), None)
        if first is None:
            return len(self._lines)
        most = min(_MOST_FENCES, _MOST_EXAMINED - self._examined)
        near = [fence for fence in self._all[start : start + most] if fence.mark.startswith(mark)]
        self._examined += len(near)
        if language == "markdown":
            return self._longest(near) or first
        end = _nested(near) or first
        if language == "python":
            ends = dict.fromkeys([end, *(fence.line for fence in near if not fence.info)])
            end = next((other for other in ends if self._parses(at, other)), end)
        return end

    def _parses(self, at: int, end: int) -> bool:
        self._parsed += 1
        if self._parsed > _MOST_PARSES:
            return False
        code = "\n".join(self._lines[at + 1 : end])
        return len(code) <= _MOST_PARSED and parse_source(code) is not None

    def _longest(self, fences: Iterable[_Fence]) -> int | None:
        """The last fence that can close a block of Markdown.

        A bare fence can close the file or open an inner block. It closes the file if the next fence, which
        would be in that inner block, opens a block itself: it has an info string, or a file's name above it.
        """
        end = None
        inner: list[_Fence] = []
        for fence in fences:
            if inner and not inner[-1].info and (fence.info or self._is_named(fence, behind=inner[-1])):
                return end
            if fence.info:
                inner.append(fence)
            elif inner and fence.mark.startswith(inner[-1].mark):
                inner.pop()
            elif not inner:
                end = fence.line
                inner.append(fence)
        return end

    def _is_named(self, fence: _Fence, *, behind: _Fence) -> bool:
        """Whether the line above a fence names a file and begins a paragraph, or introduces a file."""
        above = next((i for i in range(fence.line - 1, behind.line, -1) if self._lines[i].strip()), None)
        if above is None or fence.line - above > 2:
            return False
        line = self._lines[above].strip()
        is_first = above == behind.line + 1 or not self._lines[above - 1].strip()
        return (is_first and name_in(line, self._files) is not None) or (line.endswith(":") and "`" in line)


def _nested(fences: Iterable[_Fence]) -> int | None:
    """The closing fence if those with an info string open inner blocks; None if there is none."""
    inner: list[str] = []
    for fence in fences:
        if fence.info:
            inner.append(fence.mark)
        elif not inner:
            return fence.line
        elif fence.mark.startswith(inner[-1]):
            inner.pop()
    return None
