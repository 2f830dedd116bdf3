"""Read unified diffs of git, diff and models, both in answers and in patches of benchmarks."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from coder.edits.edit import Edit, Hunk, Slip
from coder.edits.hunks import GIT, begins_hunk, begins_name, begins_names, is_numbered, read_hunk
from coder.edits.nesting import closes_signed

_NO_FILE = "/dev/null"
_MAX_NAMES_LENGTH = 2_000
"""Maximum characters to search for the boundary between two names in a line."""
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_ENDINGS = (GIT, "```", "~~~", "*** ", "<<<<<")
"""Lines with these beginnings end a file's hunks."""
_UNSUPPORTED_MODES = {"120000": "a link", "160000": "a submodule"}
_BINARY = "binary files can't be changed by a diff"
_BROKEN = "the patch ends in the middle of a hunk, or its numbers are wrong"


@dataclass(slots=True)
class FileDiff:
    """A diff of one file; the old or new name is None if that file doesn't exist."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)
    renames: bool = False
    copies: bool = False
    from_git: bool = False
    prefixed: bool = False
    """Whether git's line has a prefix such as `a/` before both names."""
    mode: str = ""
    """Mode of a new file, or the new mode of an existing one."""
    fault: str = ""
    """Why the diff can't be applied."""
    binary: Sequence[str] | None = None
    """Lines of git's binary patch; empty if the diff only says that binary files differ; None for a text."""


def read_diff(
    lines: Sequence[str], at: int = 0, *, path: str = "", fence: str | None = None, exact: bool = False
) -> tuple[list[FileDiff], int]:
    """Return the file diffs that begin in line `at`, and the index of the line after them.

    Args:
        path: the file for hunks without a name.
        fence: closes the enclosing block, if any.
        exact: all lines are one patch with correct numbers; lines between its parts are ignored.
    """
    diffs: list[FileDiff] = []
    index = at
    while index < len(lines):
        line = lines[index]
        if fence is not None and closes_signed(line, fence):
            break
        if line.startswith(GIT):
            section, index = _read_git_header(lines, index)
            diffs.append(section)
        elif begins_names(lines, index):
            _name(diffs, lines[index][4:], lines[index + 1][4:])
            index += 2
        elif not exact and begins_name(lines, index):
            _name(diffs, line[4:], line[4:])
            index += 1
        elif is_numbered(line) or (not exact and begins_hunk(line)):
            if not diffs:
                diffs.append(FileDiff(path, path))
            index = _take_hunk(diffs[-1], lines, index, fence=fence, exact=exact)
        elif line.startswith(("GIT binary patch", "Binary files ")) and diffs:
            diffs[-1].fault, index = _BINARY, index + 1
            diffs[-1].binary = () if line.startswith("B") else _until_blank(lines, index)
        elif exact or fence is not None or line.startswith(("index ", "Index: ", "=====")):
            index += 1
        elif (next_index := _next_hunk(lines, index)) is not None:
            index = next_index
        else:
            break
    return diffs, index


def _until_blank(lines: Sequence[str], at: int) -> Sequence[str]:
    end = next((index for index in range(at, len(lines)) if not lines[index].strip()), len(lines))
    return [line.rstrip("\r") for line in lines[at:end]]


def _take_hunk(section: FileDiff, lines: Sequence[str], at: int, *, fence: str | None, exact: bool) -> int:
    result = read_hunk(lines, at, fence=fence, exact=exact)
    if result is None:
        section.fault = section.fault or f"line {at + 1}: {_BROKEN}"
        return at + 1
    section.hunks.append(result[0])
    return result[1]


def _next_hunk(lines: Sequence[str], at: int) -> int | None:
    """Return the next hunk of the same file after blank lines or prose; None if the diff ends before."""
    for index in range(at, len(lines)):
        if is_numbered(lines[index]):
            return index
        if lines[index].startswith(_ENDINGS) or begins_names(lines, index) or begins_name(lines, index):
            return None
    return None


def _read_git_header(lines: Sequence[str], at: int) -> tuple[FileDiff, int]:
    """Read git's lines before the first hunk; return the file diff and the index of the line after them."""
    old, new = _git_names(lines[at][len(GIT) :].rstrip("\r"))
    prefixed = _is_prefixed(old, new) or (old.startswith("a/") and new.startswith("b/"))
    if prefixed:
        old, new = old.partition("/")[2], new.partition("/")[2]
    section = FileDiff(old, new, from_git=True, prefixed=prefixed)
    index = at + 1
    while index < len(lines):
        line = lines[index].rstrip("\r")
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
        index += 1
    return section, index


def _name(diffs: list[FileDiff], old_text: str, new_text: str) -> None:
    """Use the names of `---` and `+++` lines, in addition to names in git's lines."""
    names = [_header_name(old_text), _header_name(new_text)]
    last_diff = diffs[-1] if diffs else None
    if last_diff is not None and last_diff.from_git and not last_diff.hunks:
        if not last_diff.renames:
            last_diff.old, last_diff.new = (_below_git(name, last_diff) for name in names)
        return
    old, new = (None if name == _NO_FILE else name for name in names)
    diffs.append(FileDiff(old, new))


def _below_git(name: str, section: FileDiff) -> str | None:
    if name == _NO_FILE:
        return None
    return name.partition("/")[2] if section.prefixed and "/" in name else name


def _header_name(text: str) -> str:
    return _unquoted(text.rstrip("\r").split("\t")[0])


def unprefixed(name: str) -> str:
    """Return a name without git's `a/` or `b/`."""
    return name[2:] if name[:2] in ("a/", "b/") else name


def _git_names(text: str) -> tuple[str, str]:
    if text.startswith('"'):
        first_name, _, second_name = text[1:].partition('" ')
        return _unquoted(f'"{first_name}"'), _unquoted(second_name)
    for blank in re.finditer(
        " ", text[:_MAX_NAMES_LENGTH]
    ):  # names may contain blanks, but usually both names are equal
        first_name, second_name = text[: blank.start()], text[blank.end() :]
        if first_name == second_name or _is_prefixed(first_name, second_name):
            return first_name, second_name
    first_name, _, second_name = text.partition(" ")
    return first_name, _unquoted(second_name)


def _is_prefixed(old: str, new: str) -> bool:
    """Whether two names are equal after different prefixes, such as `a/x` and `b/x`, or `i/x` and `w/x`."""
    old_prefix, _, path = old.partition("/")
    new_prefix, _, new_path = new.partition("/")
    return path == new_path != "" and old_prefix != new_prefix


def _unquoted(text: str) -> str:
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(byte, text[1:-1].encode()).decode(errors="replace")


def edit_of(section: FileDiff, files: Collection[str]) -> Edit | Slip | None:
    """Return the edit in a file diff; None if it changes nothing."""
    old, new = _strip_prefix(section.old, section, files), _strip_prefix(section.new, section, files)
    hunks = tuple(section.hunks)
    if (fault := _fault(new or old, section)) is not None:
        return Slip(fault)
    if old is None:
        if any(sign == "-" for hunk in hunks for sign, _ in hunk.lines):
            return Slip(f"`{new}`: a diff from {_NO_FILE} makes a new file, and has no lines to remove.")
        text = "".join(line for hunk in hunks for line in hunk.new)
        return Edit(new or "", "write", text=text, new=True)
    if new is None:
        return Edit(old, "delete", hunks=hunks)
    if section.renames:
        return Edit(old, "change", hunks=hunks, to=new, keeps=section.copies, new=True)
    return Edit(new if new in files or old not in files else old, "change", hunks=hunks) if hunks else None


def _fault(name: str | None, section: FileDiff) -> str | None:
    """Return why a file's diff can't be applied, or None."""
    if name is None:
        return "A diff names no file."
    if section.mode in _UNSUPPORTED_MODES:
        return f"`{name}`: a diff can't make {_UNSUPPORTED_MODES[section.mode]} here."
    if any(not hunk.lines for hunk in section.hunks):
        return f"`{name}`: a hunk of the diff is empty."
    if section.hunks:
        return None
    if section.fault:
        return f"`{name}`: {section.fault}."
    is_mode_alone = section.mode and section.old is not None and not section.renames
    return f"`{name}`: a diff can't change a file's mode ({section.mode}) here." if is_mode_alone else None


def _strip_prefix(name: str | None, section: FileDiff, files: Collection[str]) -> str | None:
    """Return a name in a plain diff without `a/` or `b/`, unless these are folders in the tree."""
    if name is None or section.from_git or name in files:
        return name
    return unprefixed(name)
