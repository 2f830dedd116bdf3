"""Names and hunks of a unified diff: where one begins and ends, whatever its numbers and counts say."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coder.edits.edit import Hunk, Sign, or_unsigned
from coder.edits.nesting import closes_signed

NOWHERE = "/dev/null"
"""The name of the file that isn't there."""
_MOST_OF_NAMES = 2_000
"""Characters of a line with two names that are looked through for where one ends."""
_TIME = re.compile(r" +\d{4}-\d\d-\d\d[ T]\d\d:\d\d[\d:. +-]*$")
"""Of a file, behind blanks instead of a tab."""
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def header_name(text: str) -> str:
    """`a/x.py` of a `---` or `+++` line, without what stands behind a tab, and without quotes."""
    text = text.rstrip("\r").split("\t")[0]  # in quotes a tab is `\\t`
    return unquoted(text if text.startswith('"') else _TIME.sub("", text))


def unprefixed(name: str) -> str:
    """A name without git's `a/` or `b/`."""
    return name[2:] if name[:2] in ("a/", "b/") else name


@dataclass(frozen=True, slots=True)
class GitNames:
    """What a `diff --git` line names."""

    old: str
    new: str
    prefixes: tuple[str, ...] = ()
    """What stood before each: `a/` and `b/`, or what the user has chosen; empty where nothing did."""


def git_names(rest: str) -> GitNames:
    """Both names of a `diff --git` line, from what stands behind these words."""
    rest = rest.rstrip("\r")
    if rest.startswith('"'):
        first, _, second = rest[1:].partition('" ')
        return _without_prefixes(unquoted(f'"{first}"'), unquoted(second))
    for blank in re.finditer(" ", rest[:_MOST_OF_NAMES]):  # names may hold some; most often both are the same
        first, second = rest[: blank.start()], rest[blank.end() :]
        if first == second or is_prefixed(first, second):
            return _without_prefixes(first, second)
    first, _, second = rest.partition(" ")
    return _without_prefixes(first, unquoted(second))


def is_prefixed(old: str, new: str) -> bool:
    """Whether two names are one, each behind a prefix of its own: `a/x` and `b/x`, `i/x` and `w/x`."""
    one, _, path = old.partition("/")
    other, _, same = new.partition("/")
    return path == same != "" and one != other


def _without_prefixes(old: str, new: str) -> GitNames:
    if not is_prefixed(old, new) and not (old.startswith("a/") and new.startswith("b/")):
        return GitNames(old, new)
    one, _, path = old.partition("/")
    other, _, later_path = new.partition("/")
    return GitNames(path, later_path, (f"{one}/", f"{other}/"))


def unquoted(text: str) -> str:
    """git writes unusual names in quotes, byte by byte."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(byte, text[1:-1].encode()).decode(errors="replace")


GIT = "diff --git "
"""What begins git's words on a file."""
_NUMBERS = r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@"
_HUNK = re.compile(rf"^(?:{_NUMBERS}|@@(?:(?: \.\.\.)? ?@@|\s|$))(.*)$")
_NUMBERED = re.compile(f"^{_NUMBERS}")
_SIGNATURE = re.compile(r"^-- ?\r?$")
_NAME_ALONE = re.compile(r"^\+\+\+ [\w./-]+(?:\t.*)?\r?$")
_BULLET = re.compile(r"^[+-] \S")
_SOON = 5
"""Lines among which a hunk goes on, if it does."""
_SIGNS: dict[str, Sign] = {" ": " ", "-": "-", "+": "+"}


def is_numbered(line: str) -> bool:
    """Whether this line begins a hunk and nothing else, wherever it stands."""
    return _NUMBERED.match(line) is not None


def begins_hunk(line: str) -> bool:
    """Whether this line can begin a hunk."""
    return _HUNK.match(line) is not None


def begins_names(lines: Sequence[str], at: int) -> bool:
    """Whether a `---` and a `+++` line follow one another."""
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def begins_name(lines: Sequence[str], at: int) -> bool:
    """Whether a `+++` line names a file by itself, before a hunk: its `---` line was forgotten."""
    return bool(_NAME_ALONE.match(lines[at])) and at + 1 < len(lines) and begins_hunk(lines[at + 1])


def read_hunk(lines: Sequence[str], at: int, fence: str | None) -> tuple[Hunk, int]:
    """The hunk that begins in line `at`, and the index of the line behind it.

    Raises:
        ValueError: none does; `begins_hunk` tells.
    """
    match = _HUNK.match(lines[at])
    if match is None:
        raise ValueError(f"no hunk begins in line {at}")
    counts = _counts(match) if match[1] is not None else None
    body = _counted(lines, at + 1, counts) if counts is not None else None
    if body is None or body.is_over or _goes_on(lines, body.end):
        body = _as_far_as_it_goes(lines, at + 1, fence)
    signed, end = body.signed, body.end
    start = int(match[1]) if match[1] is not None else None
    if not any(sign != "+" for sign, _ in signed) and (counts is None or counts[0] != 0):
        start = None  # it can't be trusted where the count beside it is wrong
    heading = (match[5] or "").strip()
    anchors = (heading,) if heading and start is None else ()
    hunk = Hunk(tuple(signed), line=start, anchors=anchors, in_order=True)
    return or_unsigned(hunk, body.forgotten), end


def counted_hunk(lines: Sequence[str], at: int) -> tuple[Hunk, int] | None:
    """As `read_hunk`, for a hunk that has as many lines as its numbers say; None where it hasn't."""
    match = _NUMBERED.match(lines[at])
    body = _counted(lines, at + 1, _counts(match)) if match is not None else None
    return (Hunk(tuple(body.signed), line=int(match[1])), body.end) if match and body else None


def _counts(match: re.Match[str]) -> tuple[int, int]:
    """Lines before and after, as the numbers of a hunk say."""
    return int(match[2] or 1), int(match[4] or 1)


@dataclass(frozen=True, slots=True)
class _Body:
    """A hunk's lines, and where they end in the answer."""

    signed: list[tuple[Sign, str]]
    end: int
    forgotten: Collection[int] = ()
    """Indices of lines without a sign."""
    is_over: bool = False
    """It has more lines of one kind than its numbers say."""


def _counted(lines: Sequence[str], start: int, counts: tuple[int, int]) -> _Body | None:
    """A hunk's lines by its own counts; None where it ends before."""
    old, new = counts
    signed: list[tuple[Sign, str]] = []
    i = start
    while i < len(lines):
        text = lines[i]
        if text.startswith("\\") and signed:
            _without_end(signed)
            i += 1
            continue
        if old <= 0 and new <= 0:
            break
        sign = _SIGNS.get(text[:1] or " ") if text != "\r" else " "
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
    """A hunk's lines up to what can't be one."""
    signed: list[tuple[Sign, str]] = []
    forgotten: list[int] = []
    i = start
    empty = 0
    while i < len(lines):
        text = lines[i]
        if text.startswith((GIT, "@@")) or begins_names(lines, i) or begins_name(lines, i):
            break
        if _is_signature(lines, i):
            break
        if fence is not None and closes_signed(text, fence):
            break
        if text.startswith("\\"):
            _without_end(signed)
        elif text[:1].strip() == "":
            signed.append((" ", f"{text[1:]}\n"))
        elif text[0] in _SIGNS:
            signed.append((_SIGNS[text[0]], f"{text[1:]}\n"))
        elif fence is None and not _resumes(lines, i + 1):
            break
        else:
            forgotten.append(len(signed))
            signed.append((" ", f"{text}\n"))
        empty = empty + 1 if text.strip("\r") == "" else 0
        i += 1
    # Lines with nothing in them, not even a blank, stand behind a hunk more often than in it.
    return _Body(signed[: len(signed) - empty], i, forgotten)


def _resumes(lines: Sequence[str], at: int) -> bool:
    """Whether lines that come or go follow at once: the one before is of the hunk too, then."""
    for line in lines[at : at + _SOON]:
        if line[:1].strip() == "" or line.startswith(("--- ", "+++ ")):
            return False
        if line[0] in "+-" and not _BULLET.match(line):
            return True
    return False


def _is_signature(lines: Sequence[str], at: int) -> bool:
    """git's version behind a mailed patch."""
    return bool(_SIGNATURE.match(lines[at])) and at + 1 < len(lines) and lines[at + 1][:1].isdigit()


def _without_end(signed: list[tuple[Sign, str]]) -> None:
    if signed:
        sign, text = signed[-1]
        signed[-1] = (sign, text.removesuffix("\n"))


def begins_diff(lines: Sequence[str], at: int) -> bool:
    """Whether the diff of a file begins in this line."""
    if lines[at].startswith(GIT) or begins_name(lines, at):
        return True
    behind = [line for line in lines[at + 2 : at + 4] if line.strip()]
    return begins_names(lines, at) and bool(behind) and begins_hunk(behind[0])
