"""Read hunks of a unified diff, even if the line counts are wrong or missing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from coder.edits.edit import Hunk, Sign
from coder.edits.nesting import closes_signed

GIT = "diff --git "
_NUMBERS = r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@"
_HUNK = re.compile(rf"^(?:{_NUMBERS}|@@(?:(?: \.\.\.)? ?@@|\s|$))(.*)$")
_NUMBERED = re.compile(f"^{_NUMBERS}")
_SIGNATURE = re.compile(r"^-- ?\r?$")
_NAME_ALONE = re.compile(r"^\+\+\+ [\w./-]+(?:\t.*)?\r?$")
_BULLET = re.compile(r"^[+-] \S")
_MAX_DISTANCE = 5
"""An unsigned line belongs to the hunk if a change follows within this many lines."""
SIGNS: dict[str, Sign] = {" ": " ", "-": "-", "+": "+"}
Signed = list[tuple[Sign, str]]


def is_numbered(line: str) -> bool:
    """Whether a line can only be the heading of a hunk."""
    return _NUMBERED.match(line) is not None


def begins_hunk(line: str) -> bool:
    """Whether a line can be the heading of a hunk."""
    return _HUNK.match(line) is not None


def begins_names(lines: Sequence[str], at: int) -> bool:
    """Whether a `---` line and a `+++` line begin at line `at`."""
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def begins_name(lines: Sequence[str], at: int) -> bool:
    """Return whether line `at` is a `+++` line that stands directly before a hunk, without a `---` line."""
    return bool(_NAME_ALONE.match(lines[at])) and at + 1 < len(lines) and begins_hunk(lines[at + 1])


def begins_diff(lines: Sequence[str], at: int) -> bool:
    """Return whether the diff of a file begins at line `at`."""
    if lines[at].startswith(GIT) or begins_name(lines, at):
        return True
    next_lines = [line for line in lines[at + 2 : at + 4] if line.strip()]
    return begins_names(lines, at) and bool(next_lines) and begins_hunk(next_lines[0])


def read_hunk(
    lines: Sequence[str], at: int, *, fence: str | None = None, exact: bool = False
) -> tuple[Hunk, int] | None:
    """Return the hunk whose heading is line `at`, and the index of the line after it.

    Args:
        fence: closes the enclosing block, if any.
        exact: return None if the line counts differ from the heading.
    """
    match = _HUNK.match(lines[at])
    if match is None:
        return None
    counts = (int(match[2] or 1), int(match[3] or 1)) if match[1] is not None else None
    body = _read_counted(lines, at + 1, counts) if counts is not None else None
    if exact:
        return (Hunk(tuple(body.signed), line=int(match[1])), body.end) if body is not None else None
    if body is None or body.is_over or _goes_on(lines, body.end):
        body = _read_leniently(lines, at + 1, fence)
    line = int(match[1]) if match[1] is not None else None
    if not any(sign != "+" for sign, _ in body.signed) and (counts is None or counts[0] != 0):
        line = None  # unreliable, because the count is wrong, too
    heading = match[4].strip()
    anchors = (heading,) if heading and line is None else ()
    return Hunk(tuple(body.signed), line=line, anchors=anchors, signed=True), body.end


@dataclass(frozen=True, slots=True)
class _Body:
    signed: Signed
    end: int
    """Index of the line after the hunk."""
    is_over: bool = False
    """Whether the hunk has more lines of one sign than its heading says."""


def _read_counted(lines: Sequence[str], start: int, counts: tuple[int, int]) -> _Body | None:
    """Read as many lines as the heading says; None if there are fewer."""
    old_left, new_left = counts
    signed_lines: Signed = []
    index = start
    while index < len(lines):
        text = lines[index]
        if text.startswith("\\") and signed_lines:
            _without_end(signed_lines)
            index += 1
            continue
        if old_left <= 0 and new_left <= 0:
            break
        sign = SIGNS.get(text[:1] or " ") if text != "\r" else " "
        if sign is None:
            return None
        signed_lines.append((sign, f"{text[1:]}\n"))
        old_left -= sign != "+"
        new_left -= sign != "-"
        index += 1
    return (
        None
        if old_left > 0 or new_left > 0
        else _Body(signed_lines, index, is_over=old_left < 0 or new_left < 0)
    )


def _goes_on(lines: Sequence[str], at: int) -> bool:
    """Whether a line after a hunk still belongs to it."""
    if at >= len(lines) or not lines[at].strip() or lines[at][0] not in " +-":
        return False
    return not (_SIGNATURE.match(lines[at]) or begins_names(lines, at) or begins_name(lines, at))


def _read_leniently(lines: Sequence[str], start: int, fence: str | None) -> _Body:
    """Read a hunk's lines up to the first line that can't belong to it."""
    signed_lines: Signed = []
    index = start
    empty_count = 0
    while index < len(lines) and not _ends(lines, index, fence):
        text = lines[index]
        if text.startswith("\\"):
            _without_end(signed_lines)
        elif text[:1].strip() == "":
            signed_lines.append((" ", f"{text[1:]}\n"))
        elif text[0] in SIGNS:
            signed_lines.append((SIGNS[text[0]], f"{text[1:]}\n"))
        elif fence is not None or _resumes(lines, index + 1):
            signed_lines.append((" ", f"{text}\n"))  # the blank of a context line was forgotten
        else:
            break
        empty_count = empty_count + 1 if text.strip("\r") == "" else 0
        index += 1
    # Empty lines at the end separate hunks and don't belong to them.
    return _Body(signed_lines[: len(signed_lines) - empty_count], index)


def _ends(lines: Sequence[str], at: int, fence: str | None) -> bool:
    """Whether a line ends the hunk: it begins another section, or closes the block."""
    text = lines[at]
    if text.startswith((GIT, "@@")) or begins_names(lines, at) or begins_name(lines, at):
        return True
    is_signature = _SIGNATURE.match(text) and at + 1 < len(lines) and lines[at + 1][:1].isdigit()
    return bool(is_signature) or (fence is not None and closes_signed(text, fence))


def _resumes(lines: Sequence[str], at: int) -> bool:
    """Whether changed lines follow soon, so that the line before belongs to the hunk."""
    for line in lines[at : at + _MAX_DISTANCE]:
        if line[:1].strip() == "" or line.startswith(("--- ", "+++ ")):
            return False
        if line[0] in "+-" and not _BULLET.match(line):
            return True
    return False


def _without_end(signed: Signed) -> None:
    if signed:
        sign, text = signed[-1]
        signed[-1] = (sign, text.removesuffix("\n"))
