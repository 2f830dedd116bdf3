"""Unified diffs, as git and diff write them and as models do: numbers and counts may be wrong or missing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from coder.edits.edit import Edit, Hunk, Slip
from coder.edits.hunks import (
    GIT,
    NOWHERE,
    begins_hunk,
    begins_name,
    begins_names,
    git_names,
    header_name,
    is_numbered,
    is_prefixed,
    read_hunk,
    unprefixed,
    unquoted,
)
from coder.edits.nesting import closes_signed

_OTHERS = (GIT, "```", "~~~", "*** ", "<<<<<")
"""What begins something else than a hunk of the same file."""
_NO_FILES = {"120000": "a link", "160000": "a submodule"}


@dataclass(slots=True)
class _Section:
    """What a diff says of one file."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)
    renames: bool = False
    copies: bool = False
    from_git: bool = False
    prefixes: tuple[str, ...] = ()
    """What stood before its names, and is gone; empty where that isn't sure."""
    slip: str | None = None
    no_file: str | None = None
    """What it would make, where that isn't a file."""


@dataclass(frozen=True, slots=True)
class Diff:
    """The edits of a diff, and where it ends in the answer."""

    edits: list[Edit]
    slips: list[Slip]
    end: int
    """Index of the line behind it."""
    goes_on: bool = False
    """It began with a hunk, without a file's name."""


def read_diff(
    lines: Sequence[str], at: int, *, fence: str | None, path: str | None, known: Collection[str]
) -> Diff:
    """The diff that begins in line `at` of an answer.

    Args:
        lines: of the answer, without their ends.
        at: index of its first line.
        fence: what closes the block that it stands in; None where it stands in none.
        path: the file that hunks without a name belong to.
        known: the files that are there.
    """
    sections: list[_Section] = []
    i = at
    while i < len(lines):
        line = lines[i]
        if fence is not None and closes_signed(line, fence):
            break
        if line.startswith(GIT):
            section, i = _headed(lines, i)
            sections.append(section)
        elif begins_names(lines, i):
            _name(sections, lines[i][4:], lines[i + 1][4:])
            i += 2
        elif begins_name(lines, i):
            _name(sections, line[4:], line[4:])
            i += 1
        elif begins_hunk(line):
            if not sections:
                sections.append(_Section(path, path))
            hunk, i = read_hunk(lines, i, fence)
            sections[-1].hunks.append(hunk)
        elif line.startswith(("GIT binary patch", "Binary files ")) and sections:
            sections[-1].slip = "binary files can't be changed by a diff"
            i += 1
        elif fence is None and not line.startswith(("index ", "Index: ", "=====")):
            further = _further(lines, i)
            if further is None:
                break
            i = further
        else:
            i += 1
    made = [_edit(section, known) for section in sections]
    return Diff(
        [edit for edit in made if isinstance(edit, Edit)],
        [slip for slip in made if isinstance(slip, Slip)],
        i,
        goes_on=begins_hunk(lines[at]),
    )


def _further(lines: Sequence[str], at: int) -> int | None:
    """The next hunk of the same file behind blank lines or words; None where the diff ends before."""
    for i in range(at, len(lines)):
        if is_numbered(lines[i]):
            return i
        if lines[i].startswith(_OTHERS) or begins_names(lines, i) or begins_name(lines, i):
            return None
    return None


def _headed(lines: Sequence[str], at: int) -> tuple[_Section, int]:
    """What git's lines before the first hunk say, and the index of the line behind them."""
    names = git_names(lines[at][len(GIT) :])
    section = _Section(names.old, names.new, from_git=True, prefixes=names.prefixes)
    i = at + 1
    while i < len(lines):
        line = lines[i].rstrip("\r")
        word, _, rest = line.rpartition(" ")
        if line.startswith("new file"):
            section.old = None
            section.no_file = _NO_FILES.get(rest)
        elif line.startswith("deleted file"):
            section.new = None
        elif line.startswith(("rename from ", "copy from ")):
            section.old = unquoted(line.partition(" from ")[2])
        elif line.startswith(("rename to ", "copy to ")):
            section.new = unquoted(line.partition(" to ")[2])
            section.renames, section.copies = True, line.startswith("copy")
        elif word == "new mode":
            section.slip = f"a diff can't change a file's mode ({rest}) here"
        elif not line.startswith(("old mode", "index ", "similarity ", "dissimilarity ")):
            break
        i += 1
    return section, i


def _name(sections: list[_Section], old_text: str, new_text: str) -> None:
    """`---` and `+++` lines: the first of a plain diff, or git's words once more."""
    old, new = header_name(old_text), header_name(new_text)
    last = sections[-1] if sections else None
    if last is not None and last.from_git and not last.hunks:
        meant, later = _meanings(old, last), _meanings(new, last)
        if last.renames and last.new in (new, new.partition("/")[2]):
            return
        if not last.renames and {last.old, last.new} & {*meant, *later}:
            last.old = last.old if last.old in meant else meant[-1]
            last.new = last.new if last.new in later else later[-1]
            return
    prefixes = ("a/", "b/") if old.startswith("a/") and new.startswith("b/") else ()
    if prefixes:
        old, new = old[2:], new[2:]
    sections.append(
        _Section(None if old == NOWHERE else old, None if new == NOWHERE else new, prefixes=prefixes)
    )


def _meanings(name: str, section: _Section) -> list[str | None]:
    """What a name can mean below git's line: itself, or without a prefix, the likeliest last."""
    if name == NOWHERE:
        return [None]
    prefix = next((prefix for prefix in section.prefixes if name.startswith(prefix)), "")
    return [name, name.removeprefix(prefix) if prefix else unprefixed(name)]


def _edit(section: _Section, known: Collection[str]) -> Edit | Slip | None:
    old, new = _names(section, known)
    hunks = tuple(section.hunks)
    name = new or old
    if name is None:
        return Slip("A diff names no file.")
    if section.no_file is not None:
        return Slip(f"`{name}`: a diff can't make {section.no_file} here.")
    if section.slip is not None and not hunks:
        return Slip(f"`{name}`: {section.slip}.")
    if any(not hunk.lines for hunk in hunks):
        return Slip(f"`{name}`: a hunk of the diff is empty.")
    if old is None:
        return Edit(name, "write", text="".join(line for hunk in hunks for line in hunk.new), new=True)
    if new is None:
        return Edit(old, "delete", hunks=hunks)
    if section.renames:
        return Edit(old, "change", hunks=hunks, to=new, keeps=section.copies)
    if not hunks:
        return None
    return Edit(new if new in known or old not in known else old, "change", hunks=hunks)


def _names(section: _Section, known: Collection[str]) -> list[str | None]:
    """Both names as the tree has them: with `a/` where that is a folder of it."""
    old, new = section.old, section.new
    if section.prefixes or (section.renames and old in known):
        return [old, new]
    if old is not None and new is not None and is_prefixed(old, new):
        path = old.partition("/")[2]
        if path in known and old not in known and new not in known:
            return [path, path]
    return [None if name is None else _known(name, known, section) for name in (old, new)]


def _known(name: str, known: Collection[str], section: _Section) -> str:
    short = unprefixed(name)
    if name in known or short == name:
        return name
    # Names that git has written without prefixes are those of the tree, if their folder is there.
    is_bare = section.from_git and short not in known and any(there.startswith(name[:2]) for there in known)
    return name if is_bare else short
