"""Hunks of a unified diff: find their extent, also if counts are wrong or missing."""

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
_SOON = 5
"""Lines within which changes must follow an unsigned line for it to belong to the hunk."""
SIGNS: dict[str, Sign] = {" ": " ", "-": "-", "+": "+"}
Signed = list[tuple[Sign, str]]


def is_numbered(line: str) -> bool:
    """Whether this line can only be the heading of a hunk."""
    return _NUMBERED.match(line) is not None


def begins_hunk(line: str) -> bool:
    """Whether this line can be the heading of a hunk."""
    return _HUNK.match(line) is not None


def begins_names(lines: Sequence[str], at: int) -> bool:
    """Whether a `---` and a `+++` line follow one another."""
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def begins_name(lines: Sequence[str], at: int) -> bool:
    """Whether a `+++` line names a file without its `---` line, before a hunk."""
    return bool(_NAME_ALONE.match(lines[at])) and at + 1 < len(lines) and begins_hunk(lines[at + 1])


def begins_diff(lines: Sequence[str], at: int) -> bool:
    """Whether the diff of a file begins in this line."""
    if lines[at].startswith(GIT) or begins_name(lines, at):
        return True
    behind = [line for line in lines[at + 2 : at + 4] if line.strip()]
    return begins_names(lines, at) and bool(behind) and begins_hunk(behind[0])


def read_hunk(
    lines: Sequence[str], at: int, *, fence: str | None = None, exact: bool = False
) -> tuple[Hunk, int] | None:
    """The hunk whose heading is line `at`, and the index of the line behind it.

    Args:
        fence: closes the enclosing block, if any.
        exact: None for a hunk whose line counts differ from its heading.
    """
    match = _HUNK.match(lines[at])
    if match is None:
        return None
    counts = (int(match[2] or 1), int(match[3] or 1)) if match[1] is not None else None
    body = _counted(lines, at + 1, counts) if counts is not None else None
    if exact:
        return (Hunk(tuple(body.signed), line=int(match[1])), body.end) if body is not None else None
    if body is None or body.is_over or _goes_on(lines, body.end):
        body = _as_far_as_it_goes(lines, at + 1, fence)
    line = int(match[1]) if match[1] is not None else None
    if not any(sign != "+" for sign, _ in body.signed) and (counts is None or counts[0] != 0):
        line = None  # unreliable beside a wrong count
    heading = match[4].strip()
    anchors = (heading,) if heading and line is None else ()
    return Hunk(tuple(body.signed), line=line, anchors=anchors, signed=True), body.end


@dataclass(frozen=True, slots=True)
class _Body:
    signed: Signed
    end: int
    """Index of the line behind it."""
    is_over: bool = False
    """It has more lines of one sign than its heading says."""


def _counted(lines: Sequence[str], start: int, counts: tuple[int, int]) -> _Body | None:
    """As many lines as the heading says; None if it ends before."""
    old, new = counts
    signed: Signed = []
    i = start
    while i < len(lines):
        text = lines[i]
        if text.startswith("\\") and signed:
            _without_end(signed)
            i += 1
            continue
        if old <= 0 and new <= 0:
            break
        sign = SIGNS.get(text[:1] or " ") if text != "\r" else " "
        if sign is None:
            return None
        signed.append((sign, f"{text[1:]}\n"))
        old -= sign != "+"
        new -= sign != "-"
        i += 1
    return None if old > 0 or new > 0 else _Body(signed, i, is_over=old < 0 or new < 0)


def _goes_on(lines: Sequence[str], at: int) -> bool:
    """Whether a line that should be behind a hunk belongs to it."""
    if at >= len(lines) or not lines[at].strip() or lines[at][0] not in " +-":
        return False
    return not (_SIGNATURE.match(lines[at]) or begins_names(lines, at) or begins_name(lines, at))


def _as_far_as_it_goes(lines: Sequence[str], start: int, fence: str | None) -> _Body:
    """A hunk's lines up to the first impossible one."""
    signed: Signed = []
    i = start
    empty = 0
    while i < len(lines) and not _ends(lines, i, fence):
        text = lines[i]
        if text.startswith("\\"):
            _without_end(signed)
        elif text[:1].strip() == "":
            signed.append((" ", f"{text[1:]}\n"))
        elif text[0] in SIGNS:
            signed.append((SIGNS[text[0]], f"{text[1:]}\n"))
        elif fence is not None or _resumes(lines, i + 1):
            signed.append((" ", f"{text}\n"))  # its blank was forgotten
        else:
            break
        empty = empty + 1 if text.strip("\r") == "" else 0
        i += 1
    # Empty lines without a blank rather separate hunks than belong to them.
    return _Body(signed[: len(signed) - empty], i)


def _ends(lines: Sequence[str], at: int, fence: str | None) -> bool:
    """Whether a line begins something else, or closes the block."""
    text = lines[at]
    if text.startswith((GIT, "@@")) or begins_names(lines, at) or begins_name(lines, at):
        return True
    is_signature = _SIGNATURE.match(text) and at + 1 < len(lines) and lines[at + 1][:1].isdigit()
    return bool(is_signature) or (fence is not None and closes_signed(text, fence))


def _resumes(lines: Sequence[str], at: int) -> bool:
    """Whether changed lines follow at once: then the line before belongs to the hunk too."""
    for line in lines[at : at + _SOON]:
        if line[:1].strip() == "" or line.startswith(("--- ", "+++ ")):
            return False
        if line[0] in "+-" and not _BULLET.match(line):
            return True
    return False


def _without_end(signed: Signed) -> None:
    if signed:
        sign, text = signed[-1]
        signed[-1] = (sign, text.removesuffix("\n"))
