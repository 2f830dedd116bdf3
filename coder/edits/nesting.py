"""Find the end of a fenced block with fences in its text (CommonMark 4.5, and models' habits).

A closing fence has no info string, and at most three blanks before it. An opening fence with an info string
nests. The kind of file resolves ambiguity: Python must parse, Markdown takes the longest reading.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from coder.edits.paths import name_in
from coder.source.python_names import parse_source

_MAX_BLANKS = 3
"""Maximum blanks before a fence (CommonMark 4.5)."""
_FENCE = re.compile(r"^[ ]{0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
Language = Literal["python", "markdown", "other"]
_MAX_FENCES = 400
"""Maximum fences to examine after the opening one."""
_MAX_EXAMINED = 20_000
"""Maximum fences to examine for all blocks of an answer; then the first possible fence closes a block."""
_MAX_PARSES = 200
"""Maximum parses for all blocks of an answer."""
_MAX_PARSED = 500_000
"""Maximum characters of code to parse."""


def opening_fence(line: str) -> re.Match[str] | None:
    """Match a line that opens a block; the groups are `mark` and `info`."""
    return _FENCE.match(line)


def closes(line: str, mark: str) -> bool:
    """Whether a line closes the block that this mark opened."""
    line, mark = line.rstrip(), mark.strip()
    stripped = line.lstrip(" ")
    return (
        len(line) - len(stripped) <= _MAX_BLANKS and stripped.startswith(mark) and not stripped.strip(mark[0])
    )


def closes_signed(line: str, mark: str) -> bool:
    """Like `closes`, but in a block of signed lines, where a fence after a context sign is content."""
    return (mark.startswith(" ") or not line.startswith(" ")) and closes(line, mark)


@dataclass(frozen=True, slots=True)
class _Fence:
    line: int
    mark: str
    info: str


class Fences:
    """All fences in an answer."""

    def __init__(self, lines: Sequence[str], *, files: Collection[str]) -> None:
        """Find the fences in lines without line ends; `files` are known file names."""
        self._lines = lines
        self._files = files
        self._parsed, self._examined = 0, 0
        openings = ((index, opening_fence(line.rstrip())) for index, line in enumerate(lines))
        self._all = [
            _Fence(index, fence["mark"], fence["info"].strip()) for index, fence in openings if fence
        ]

    def end(self, at: int, language: Language) -> int:
        """Return the line that closes the block opened in line `at`; the number of lines if none does."""
        start = bisect_right(self._all, at, key=lambda fence: fence.line)
        mark = self._all[start - 1].mark
        later_fences = (self._all[index] for index in range(start, len(self._all)))
        first_bare = next(
            (fence.line for fence in later_fences if not fence.info and fence.mark.startswith(mark)), None
        )
        if first_bare is None:
            return len(self._lines)
        count = min(_MAX_FENCES, _MAX_EXAMINED - self._examined)
        candidates = [fence for fence in self._all[start : start + count] if fence.mark.startswith(mark)]
        self._examined += len(candidates)
        if language == "markdown":
            return self._longest(candidates) or first_bare
        end = _nested(candidates) or first_bare
        if language == "python":
            candidate_ends = dict.fromkeys([end, *(fence.line for fence in candidates if not fence.info)])
            end = next((candidate for candidate in candidate_ends if self._parses(at, candidate)), end)
        return end

    def _parses(self, at: int, end: int) -> bool:
        self._parsed += 1
        if self._parsed > _MAX_PARSES:
            return False
        code = "\n".join(self._lines[at + 1 : end])
        return len(code) <= _MAX_PARSED and parse_source(code) is not None

    def _longest(self, fences: Iterable[_Fence]) -> int | None:
        """Return the last fence that can close a block of Markdown.

        A bare fence can close the file or open an inner block. It closes the file if the next fence, which
        would be in that inner block, opens a block itself: it has an info string, or a file's name above it.
        """
        end = None
        open_fences: list[_Fence] = []
        for fence in fences:
            if (
                open_fences
                and not open_fences[-1].info
                and (fence.info or self._is_named(fence, behind=open_fences[-1]))
            ):
                return end
            if fence.info:
                open_fences.append(fence)
            elif open_fences and fence.mark.startswith(open_fences[-1].mark):
                open_fences.pop()
            elif not open_fences:
                end = fence.line
                open_fences.append(fence)
        return end

    def _is_named(self, fence: _Fence, *, behind: _Fence) -> bool:
        """Whether the line above a fence names a file and begins a paragraph, or introduces a file."""
        line_above = next(
            (index for index in range(fence.line - 1, behind.line, -1) if self._lines[index].strip()), None
        )
        if line_above is None or fence.line - line_above > 2:
            return False
        line = self._lines[line_above].strip()
        is_first = line_above == behind.line + 1 or not self._lines[line_above - 1].strip()
        return (is_first and name_in(line, self._files) is not None) or (line.endswith(":") and "`" in line)


def _nested(fences: Iterable[_Fence]) -> int | None:
    """Return the closing fence if fences with an info string open inner blocks; None if there is none."""
    open_marks: list[str] = []
    for fence in fences:
        if fence.info:
            open_marks.append(fence.mark)
        elif not open_marks:
            return fence.line
        elif fence.mark.startswith(open_marks[-1]):
            open_marks.pop()
    return None
