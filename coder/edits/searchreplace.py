"""Search/replace blocks: lines as they are, a divider, lines as they shall be.

    <<<<<<< SEARCH
    old lines
    =======
    new lines
    >>>>>>> REPLACE

An empty SEARCH makes a new file. Markers may be longer than seven signs. A divider can also be a line of the
file (a heading's underline): then each of them is tried.
"""

import re
from collections.abc import Sequence

from coder.edits.edit import Edit, Hunk, Sign, Slip

_OPEN = re.compile(r"^\s{0,3}(?P<mark><{5,})\s*SEARCH\s*$", re.IGNORECASE)
_DIVIDER = re.compile(r"^\s{0,3}={5,}\s*$")
_CLOSE = re.compile(r"^\s{0,3}(?P<mark>>{5,})\s*(?:REPLACE\s*)?$", re.IGNORECASE)
_MOST_READINGS = 8
_LONG = 20_000
"""Lines of a block beyond which only one reading is tried."""


def opens(line: str) -> bool:
    """Whether a block begins in this line."""
    return _OPEN.match(line) is not None


def read_block(lines: Sequence[str], at: int, path: str) -> tuple[Edit | Slip, int]:
    """The edit of a file by the block that begins in line `at`, and the index of the line behind it."""
    opening = _OPEN.match(lines[at])
    assert opening is not None
    mark = opening["mark"]
    end = _closing(lines, at + 1, mark)
    if end is None:
        return Slip(f"`{path}`: a SEARCH block isn't closed by `>>>>>>> REPLACE`."), at + 1
    dividers = [i for i in range(at + 1, end) if _DIVIDER.match(lines[i])]
    if not dividers:
        return Slip(f"`{path}`: a SEARCH block has no `=======` between its old and its new lines."), at + 1
    exact = [i for i in dividers if lines[i].strip() == "=" * len(mark)] or dividers
    # The longest search is the most specific: try the last divider first.
    most = _MOST_READINGS if end - at < _LONG else 1
    first, *others = [_hunk(lines[at + 1 : i], lines[i + 1 : end]) for i in reversed(exact[-most:])]
    if not any(line.strip() for line in first.old):
        return Edit(path, "write", text="".join(first.new), new=True), end + 1
    return Edit(path, "change", hunks=(Hunk(first.lines, others=tuple(others)),)), end + 1


def _closing(lines: Sequence[str], start: int, mark: str) -> int | None:
    """The line that closes a block; None if another block opens before."""
    for i in range(start, len(lines)):
        closing = _CLOSE.match(lines[i])
        if closing is not None and len(closing["mark"]) == len(mark):
            return i
        if (opening := _OPEN.match(lines[i])) is not None and opening["mark"] == mark:
            return None
    return None


def _hunk(old: Sequence[str], new: Sequence[str]) -> Hunk:
    """A hunk whose equal lines at both edges stay as in the file."""
    most = min(len(old), len(new))
    head = next((i for i in range(most) if old[i] != new[i]), most)
    tail = next((i for i in range(most - head) if old[-1 - i] != new[-1 - i]), most - head)
    stay: Sign = " "
    lines: list[tuple[Sign, str]] = [(stay, line) for line in old[:head]]
    lines += [("-", line) for line in old[head : len(old) - tail]]
    lines += [("+", line) for line in new[head : len(new) - tail]]
    lines += [(stay, line) for line in old[len(old) - tail :]]
    return Hunk(tuple((sign, f"{line}\n") for sign, line in lines))
