"""Read search/replace blocks: old lines, a divider, new lines.

    <<<<<<< SEARCH
    old lines
    =======
    new lines
    >>>>>>> REPLACE

An empty SEARCH creates a file. Markers may have more than seven characters. A divider may also be a line of
the file (a heading's underline), so that each divider is tried.
"""

import re
from collections.abc import Sequence

from coder.edits.edit import Edit, Hunk, Sign, Slip

_OPEN = re.compile(r"^\s{0,3}(?P<mark><{5,})\s*SEARCH\s*$", re.IGNORECASE)
_DIVIDER = re.compile(r"^\s{0,3}={5,}\s*$")
_CLOSE = re.compile(r"^\s{0,3}(?P<mark>>{5,})\s*(?:REPLACE\s*)?$", re.IGNORECASE)
_MAX_READINGS = 8
_LONG_BLOCK = 20_000
"""In a block with more lines, only one reading is tried."""


def opens(line: str) -> bool:
    """Whether a block begins in this line."""
    return _OPEN.match(line) is not None


def read_block(lines: Sequence[str], at: int, path: str) -> tuple[Edit | Slip, int]:
    """Return the edit in the block that begins in line `at`, and the index of the line after the block."""
    opening = _OPEN.match(lines[at])
    assert opening is not None
    mark = opening["mark"]
    end = _closing(lines, at + 1, mark)
    if end is None:
        return Slip(f"{_label(path)}a SEARCH block isn't closed by `>>>>>>> REPLACE`."), at + 1
    dividers = [index for index in range(at + 1, end) if _DIVIDER.match(lines[index])]
    if not dividers:
        return Slip(
            f"{_label(path)}a SEARCH block has no `=======` between its old and its new lines."
        ), at + 1
    candidates = [index for index in dividers if lines[index].strip() == "=" * len(mark)] or dividers
    # The longest search text is the most specific, so the last divider is tried first.
    max_readings = _MAX_READINGS if end - at < _LONG_BLOCK else 1
    first_hunk, *other_hunks = [
        _hunk(lines[at + 1 : index], lines[index + 1 : end]) for index in reversed(candidates[-max_readings:])
    ]
    if not any(line.strip() for line in first_hunk.old):
        return Edit(path, "write", text="".join(first_hunk.new), new=True), end + 1
    return Edit(path, "change", hunks=(Hunk(first_hunk.lines, others=tuple(other_hunks)),)), end + 1


def _closing(lines: Sequence[str], start: int, mark: str) -> int | None:
    """Return the line that closes a block; None if another block opens first."""
    for index in range(start, len(lines)):
        closing = _CLOSE.match(lines[index])
        if closing is not None and len(closing["mark"]) == len(mark):
            return index
        if (opening := _OPEN.match(lines[index])) is not None and opening["mark"] == mark:
            return None
    return None


def _hunk(old: Sequence[str], new: Sequence[str]) -> Hunk:
    """Return a hunk whose equal lines at both edges stay as in the file."""
    shorter = min(len(old), len(new))
    head = next((index for index in range(shorter) if old[index] != new[index]), shorter)
    tail = next(
        (index for index in range(shorter - head) if old[-1 - index] != new[-1 - index]), shorter - head
    )
    context: Sign = " "
    lines: list[tuple[Sign, str]] = [(context, line) for line in old[:head]]
    lines += [("-", line) for line in old[head : len(old) - tail]]
    lines += [("+", line) for line in new[head : len(new) - tail]]
    lines += [(context, line) for line in old[len(old) - tail :]]
    return Hunk(tuple((sign, f"{line}\n") for sign, line in lines))


def _label(path: str) -> str:
    return f"`{path}`: " if path else ""
