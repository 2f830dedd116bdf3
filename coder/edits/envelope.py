"""The `apply_patch` envelope: sections for files, with hunks that are located by their context only.

*** Begin Patch
*** Update File: a.py
*** Move to: b.py
@@ def f():
 context
-old
+new
*** Add File: c.py
+its lines
*** Delete File: d.py
*** End Patch
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from coder.edits.edit import Edit, Slip
from coder.edits.fences import closes_signed
from coder.edits.sections import edit_of

_SECTION = re.compile(
    r"^\s{0,3}\*{3} ?(?P<what>Add|Create|New|Update|Modify|Edit|Delete|Remove) File(?::|(?=\s))"
    r"\s*(?P<path>\S.*?)\s*$",
    re.IGNORECASE,
)
_KINDS = {"create": "Add", "new": "Add", "modify": "Update", "edit": "Update", "remove": "Delete"}
_BEGIN = re.compile(r"^(?P<indent>[ \t]{0,8})\*{3} ?Begin Patch(?: ?\*{3})?\s*$", re.IGNORECASE)
_END = re.compile(r"^\s{0,8}\*{3} ?End Patch(?: ?\*{3})?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patch:
    """The edits of a patch, and where it ends in the answer."""

    edits: list[Edit]
    slips: list[Slip]
    end: int
    """Index of the line behind it."""


def begins_patch(line: str) -> bool:
    """Whether a patch, or a section of one without its first line, begins in this line."""
    return _BEGIN.match(line) is not None or _SECTION.match(line) is not None


def read_patch(lines: Sequence[str], at: int, *, fence: str | None) -> Patch:
    """The patch that begins in line `at` of an answer.

    Args:
        lines: of the answer, without their ends.
        at: index of its first line.
        fence: what closes the block that it stands in; None where it stands in none.
    """
    begin = _BEGIN.match(lines[at])
    begun = begin is not None
    if begin is not None and (dedented := _dedented(lines, at, begin["indent"])):
        patch = read_patch(dedented, 0, fence=fence)
        return Patch(patch.edits, patch.slips, at + patch.end)
    i = at + 1 if begun else at
    edits: list[Edit] = []
    slips: list[Slip] = []
    while i < len(lines):
        if _END.match(lines[i]):
            return Patch(edits, slips, i + 1)
        if fence is not None and closes_signed(lines[i], fence):
            return Patch(edits, slips, i)
        section = _SECTION.match(lines[i])
        if section is None:
            if not begun and lines[i].strip():
                return Patch(edits, slips, i)
            i += 1
            continue
        what = _KINDS.get(section["what"].lower(), section["what"].capitalize())
        end = _end_of_section(lines, i + 1, what, fence, begun=begun)
        read = edit_of(what, section["path"], lines[i + 1 : end], is_fenced=fence is not None)
        (edits if isinstance(read, Edit) else slips).append(read)  # type: ignore[arg-type]
        i = end
    if begun:
        slips.append(Slip("The patch isn't closed by `*** End Patch`."))
    return Patch(edits, slips, i)


def _end_of_section(lines: Sequence[str], start: int, what: str, fence: str | None, *, begun: bool) -> int:
    for i in range(start, len(lines)):
        line = lines[i]
        if _END.match(line) or _SECTION.match(line) or (fence is not None and closes_signed(line, fence)):
            return i
        if not begun and fence is None and (what == "Delete" or not _is_of_section(line)):
            return i
    return len(lines)


def _is_of_section(line: str) -> bool:
    return line[:1] in ("", " ", "+", "-", "@") or line.startswith("*** ")


def _dedented(lines: Sequence[str], at: int, indent: str) -> list[str]:
    """A patch that stands further in, put out; empty where not all of it does."""
    end = next((i for i in range(at, len(lines)) if _END.match(lines[i])), at) if indent else at
    patch = lines[at : end + 1]
    is_all = end > at and all(line.startswith(indent) or not line.strip() for line in patch)
    return [line[len(indent) :] for line in patch] if is_all else []
