"""Read unified diffs of git, diff and models, both in answers and in patches of benchmarks."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from coder.edits.edit import Edit, Hunk, Slip
from coder.edits.hunks import GIT, begins_hunk, begins_name, begins_names, is_numbered, read_hunk
from coder.edits.nesting import closes_signed

_NOWHERE = "/dev/null"
_MOST_OF_NAMES = 2_000
"""Most characters of a line with two names that are searched for their boundary."""
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_OTHERS = (GIT, "```", "~~~", "*** ", "<<<<<")
"""Beginnings of lines that end a file's hunks."""
_NO_FILES = {"120000": "a link", "160000": "a submodule"}
_BINARY = "binary files can't be changed by a diff"
_BROKEN = "the patch ends in the middle of a hunk, or its numbers are wrong"


@dataclass(slots=True)
class FileDiff:
    """A diff of one file; None is a missing file."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)
    renames: bool = False
    copies: bool = False
    from_git: bool = False
    prefixed: bool = False
    """git's line put a prefix, such as `a/`, before both names."""
    mode: str = ""
    """Mode of a new file, or the new mode of one that is there."""
    fault: str = ""
    """Why it can't be applied."""


def read_diff(
    lines: Sequence[str], at: int = 0, *, path: str = "", fence: str | None = None, exact: bool = False
) -> tuple[list[FileDiff], int]:
    """The diff that begins in line `at`, and the index of the line behind it.

    Args:
        path: the file of unnamed hunks.
        fence: closes the enclosing block, if any.
        exact: all lines are a patch whose numbers must be right; lines between its parts are ignored.
    """
    diffs: list[FileDiff] = []
    i = at
    while i < len(lines):
        line = lines[i]
        if fence is not None and closes_signed(line, fence):
            break
        if line.startswith(GIT):
            section, i = _headed(lines, i)
            diffs.append(section)
        elif begins_names(lines, i):
            _name(diffs, lines[i][4:], lines[i + 1][4:])
            i += 2
        elif not exact and begins_name(lines, i):
            _name(diffs, line[4:], line[4:])
            i += 1
        elif is_numbered(line) or (not exact and begins_hunk(line)):
            if not diffs:
                diffs.append(FileDiff(path, path))
            i = _take_hunk(diffs[-1], lines, i, fence=fence, exact=exact)
        elif line.startswith(("GIT binary patch", "Binary files ")) and diffs:
            diffs[-1].fault = _BINARY
            i += 1
        elif exact or fence is not None or line.startswith(("index ", "Index: ", "=====")):
            i += 1
        elif (further := _further(lines, i)) is not None:
            i = further
        else:
            break
    return diffs, i


def _take_hunk(section: FileDiff, lines: Sequence[str], at: int, *, fence: str | None, exact: bool) -> int:
    read = read_hunk(lines, at, fence=fence, exact=exact)
    if read is None:
        section.fault = section.fault or f"line {at + 1}: {_BROKEN}"
        return at + 1
    section.hunks.append(read[0])
    return read[1]


def _further(lines: Sequence[str], at: int) -> int | None:
    """The next hunk of the same file behind blank lines or words; None if the diff ends before."""
    for i in range(at, len(lines)):
        if is_numbered(lines[i]):
            return i
        if lines[i].startswith(_OTHERS) or begins_names(lines, i) or begins_name(lines, i):
            return None
    return None


def _headed(lines: Sequence[str], at: int) -> tuple[FileDiff, int]:
    """Read git's lines before the first hunk; the index of the line behind them."""
    old, new = _git_names(lines[at][len(GIT) :].rstrip("\r"))
    prefixed = _is_prefixed(old, new) or (old.startswith("a/") and new.startswith("b/"))
    if prefixed:
        old, new = old.partition("/")[2], new.partition("/")[2]
    section = FileDiff(old, new, from_git=True, prefixed=prefixed)
    i = at + 1
    while i < len(lines):
        line = lines[i].rstrip("\r")
        if line.startswith("new file mode "):
            section.old, section.mode = None, line.rpartition(" ")[2]
        elif line.startswith("deleted file"):
            section.new = None
        elif line.startswith(("rename from ", "copy from ")):
            section.old = _unquoted(line.partition(" from ")[2])
        elif line.startswith(("rename to ", "copy to ")):
            section.new = _unquoted(line.partition(" to ")[2])
            section.renames, section.copies = True, line.startswith("copy")
        elif line.startswith("new mode "):
            section.mode = line.rpartition(" ")[2]
        elif not line.startswith(("old mode", "index ", "similarity ", "dissimilarity ")):
            break
        i += 1
    return section, i


def _name(diffs: list[FileDiff], old_text: str, new_text: str) -> None:
    """Take the names of `---` and `+++` lines, also if git's lines gave them."""
    names = [_header_name(old_text), _header_name(new_text)]
    last = diffs[-1] if diffs else None
    if last is not None and last.from_git and not last.hunks:
        if not last.renames:
            last.old, last.new = (_below_git(name, last) for name in names)
        return
    old, new = (None if name == _NOWHERE else name for name in names)
    diffs.append(FileDiff(old, new))


def _below_git(name: str, section: FileDiff) -> str | None:
    if name == _NOWHERE:
        return None
    return name.partition("/")[2] if section.prefixed and "/" in name else name


def _header_name(text: str) -> str:
    return _unquoted(text.rstrip("\r").split("\t")[0])


def unprefixed(name: str) -> str:
    """A name without git's `a/` or `b/`."""
    return name[2:] if name[:2] in ("a/", "b/") else name


def _git_names(rest: str) -> tuple[str, str]:
    if rest.startswith('"'):
        first, _, second = rest[1:].partition('" ')
        return _unquoted(f'"{first}"'), _unquoted(second)
    for blank in re.finditer(" ", rest[:_MOST_OF_NAMES]):  # names may contain blanks; usually both are equal
        first, second = rest[: blank.start()], rest[blank.end() :]
        if first == second or _is_prefixed(first, second):
            return first, second
    first, _, second = rest.partition(" ")
    return first, _unquoted(second)


def _is_prefixed(old: str, new: str) -> bool:
    """Whether two names are equal behind prefixes: `a/x` and `b/x`, `i/x` and `w/x`."""
    one, _, path = old.partition("/")
    other, _, same = new.partition("/")
    return path == same != "" and one != other


def _unquoted(text: str) -> str:
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(byte, text[1:-1].encode()).decode(errors="replace")


def edit_of(section: FileDiff, files: Collection[str]) -> Edit | Slip | None:
    """The edit of a file's diff; None if it changes nothing."""
    old, new = _known(section.old, section, files), _known(section.new, section, files)
    hunks = tuple(section.hunks)
    if (why := _fault(new or old, section)) is not None:
        return Slip(why)
    if old is None:
        text = "".join(line for hunk in hunks for line in hunk.new)
        return Edit(new or "", "write", text=text, new=True)
    if new is None:
        return Edit(old, "delete", hunks=hunks)
    if section.renames:
        return Edit(old, "change", hunks=hunks, to=new, keeps=section.copies)
    return Edit(new if new in files or old not in files else old, "change", hunks=hunks) if hunks else None


def _fault(name: str | None, section: FileDiff) -> str | None:
    """Why a file's diff can't be applied; None if it can."""
    if name is None:
        return "A diff names no file."
    if section.mode in _NO_FILES:
        return f"`{name}`: a diff can't make {_NO_FILES[section.mode]} here."
    if any(not hunk.lines for hunk in section.hunks):
        return f"`{name}`: a hunk of the diff is empty."
    if section.hunks:
        return None
    if section.fault:
        return f"`{name}`: {section.fault}."
    is_mode_alone = section.mode and section.old is not None and not section.renames
    return f"`{name}`: a diff can't change a file's mode ({section.mode}) here." if is_mode_alone else None


def _known(name: str | None, section: FileDiff, files: Collection[str]) -> str | None:
    """A name of a plain diff without `a/` or `b/`, unless that is a folder of the tree."""
    if name is None or section.from_git or name in files:
        return name
    return unprefixed(name)
