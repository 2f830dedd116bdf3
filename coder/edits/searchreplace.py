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
from dataclasses import dataclass

from coder.edits.edit import Hunk, Sign, Slip
from coder.edits.nesting import closes, opening_fence

_OPEN = re.compile(
    r"^\s{0,3}(?P<mark><{5,}|-{5,})\s*(?:SEARCH|ORIGINAL)\b(?:\s*>?|[ \t:]+(?P<name>[^\s<>:|=]{1,400}))\s*$",
    re.IGNORECASE,
)
_DIVIDER = re.compile(r"^\s{0,3}={5,}\s*$")
_CLOSE = re.compile(r"^\s{0,3}(?P<mark>>{5,}|\+{5,})\s*(?:(?:REPLACE|UPDATED)\b\s*)?$", re.IGNORECASE)
_NUMBER = re.compile(r"^ {0,6}\d{1,6}\| ?")
"""Of a line, as our own reports show it."""
_MOST_READINGS = 8
_LONG = 20_000
"""Lines of a block that is read in one way only."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block, and where it ends in the answer."""

    hunk: Hunk
    end: int
    """Index of the line behind it."""

    @property
    def makes(self) -> str | None:
        """The text of the new file that it makes; None where it changes one."""
        return None if any(line.strip() for line in self.hunk.old) else "".join(self.hunk.new)


def opens(line: str) -> bool:
    """Whether a block begins in this line."""
    return _OPEN.match(line) is not None


def named(line: str) -> str | None:
    """The file that the line names in which a block begins."""
    opening = _OPEN.match(line)
    return opening["name"].strip("`\"'*") or None if opening is not None and opening["name"] else None


def read_block(lines: Sequence[str], at: int, path: str) -> Block | Slip:
    """The block that begins in line `at` of an answer."""
    opening = _OPEN.match(lines[at])
    assert opening is not None
    end = _closing(lines, at + 1, opening["mark"])
    if end is None:
        return Slip(f"`{path}`: a SEARCH block isn't closed by `>>>>>>> REPLACE`.")
    dividers = [i for i in range(at + 1, end) if _DIVIDER.match(lines[i])]
    if not dividers:
        return Slip(f"`{path}`: a SEARCH block has no `=======` between its old and its new lines.")
    exact = [i for i in dividers if lines[i].strip() == "=" * len(opening["mark"])] or dividers
    # The longest search says most: the last divider goes first.
    most = _MOST_READINGS if end - at < _LONG else 1
    hunks = [_hunk(lines[at + 1 : i], lines[i + 1 : end]) for i in reversed(exact[-most:])]
    first, *others = [reading for hunk in hunks for reading in (hunk, *_other_readings(hunk))]
    return Block(Hunk(first.lines, others=tuple(others)), end + 1)


def _closing(lines: Sequence[str], start: int, mark: str) -> int | None:
    """The line that closes a block; another block's opening before it means that it is missing."""
    sign = ">" if mark[0] == "<" else "+"
    for i in range(start, len(lines)):
        closing = _CLOSE.match(lines[i])
        if closing is not None and closing["mark"] == sign * len(mark):
            return i
        if (opening := _OPEN.match(lines[i])) is not None and opening["mark"] == mark:
            return _loose_closing(lines, start, i, sign)
    return _loose_closing(lines, start, len(lines), sign)


def _loose_closing(lines: Sequence[str], start: int, end: int, sign: str) -> int | None:
    """A closing marker of another length, where there is none of the right one."""
    for i in range(start, end):
        closing = _CLOSE.match(lines[i])
        if closing is not None and closing["mark"][0] == sign:
            return i
    return None


def _hunk(old: Sequence[str], new: Sequence[str]) -> Hunk:
    """A hunk whose equal lines at both edges stay as the file has them."""
    most = min(len(old), len(new))
    head = next((i for i in range(most) if old[i] != new[i]), most)
    tail = next((i for i in range(most - head) if old[-1 - i] != new[-1 - i]), most - head)
    stay: Sign = " "
    lines: list[tuple[Sign, str]] = [(stay, line) for line in old[:head]]
    lines += [("-", line) for line in old[head : len(old) - tail]]
    lines += [("+", line) for line in new[head : len(new) - tail]]
    lines += [(stay, line) for line in old[len(old) - tail :]]
    return Hunk(tuple((sign, f"{line}\n") for sign, line in lines))


def _other_readings(hunk: Hunk) -> list[Hunk]:
    """The same without what is easily added: blank lines around it, numbers before lines, a fence."""
    old, new = ([line[:-1] for line in lines] for lines in (hunk.old, hunk.new))
    stripped = _stripped(old)
    found = [_hunk(stripped, _stripped(new))] if stripped and stripped != old else []
    if stripped and all(_NUMBER.match(line) for line in stripped if line.strip()):
        found.append(
            _hunk(*([_NUMBER.sub("", line) for line in part] for part in (stripped, _stripped(new))))
        )
    if len(stripped) > 2 and opening_fence(stripped[0]) and closes(stripped[-1], "```"):
        found.append(_hunk(stripped[1:-1], _unfenced(_stripped(new))))
    return found


def _unfenced(lines: list[str]) -> list[str]:
    is_fenced = len(lines) > 1 and opening_fence(lines[0]) is not None and closes(lines[-1], "```")
    return lines[1:-1] if is_fenced else lines


def _stripped(lines: Sequence[str]) -> list[str]:
    written = [i for i, line in enumerate(lines) if line.strip()]
    return list(lines[written[0] : written[-1] + 1]) if written else []
