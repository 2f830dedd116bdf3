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

from coder.edits.edit import Edit, Hunk, Sign, Slip
from coder.edits.fences import closes

_SECTION = re.compile(r"^\s{0,3}\*\*\* (?P<what>Add|Update|Delete) File: ?(?P<path>.+?)\s*$")
_MOVE = re.compile(r"^\s{0,3}\*\*\* Move to: ?(?P<path>.+?)\s*$")
_BEGIN = re.compile(r"^\s{0,3}\*\*\* Begin Patch\s*$")
_END = re.compile(r"^\s{0,3}\*\*\* End Patch\s*$")
_END_OF_FILE = re.compile(r"^\s{0,3}\*\*\* End of File\s*$")
_SIGNS: dict[str, Sign] = {" ": " ", "-": "-", "+": "+"}


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
    begun = _BEGIN.match(lines[at]) is not None
    i = at + 1 if begun else at
    edits: list[Edit] = []
    slips: list[Slip] = []
    while i < len(lines):
        if _END.match(lines[i]):
            return Patch(edits, slips, i + 1)
        if fence is not None and closes(lines[i], fence):
            return Patch(edits, slips, i)
        section = _SECTION.match(lines[i])
        if section is None:
            if not begun and lines[i].strip():
                return Patch(edits, slips, i)
            i += 1
            continue
        end = _end_of_section(lines, i + 1, section["what"], fence, begun=begun)
        read = _edit(section["what"], section["path"], lines[i + 1 : end])
        (edits if isinstance(read, Edit) else slips).append(read)  # type: ignore[arg-type]
        i = end
    if begun:
        slips.append(Slip("The patch isn't closed by `*** End Patch`."))
    return Patch(edits, slips, i)


def _end_of_section(lines: Sequence[str], start: int, what: str, fence: str | None, *, begun: bool) -> int:
    for i in range(start, len(lines)):
        line = lines[i]
        if _END.match(line) or _SECTION.match(line) or (fence is not None and closes(line, fence)):
            return i
        if not begun and fence is None and (what == "Delete" or not _is_of_section(line)):
            return i
    return len(lines)


def _is_of_section(line: str) -> bool:
    return line[:1] in ("", " ", "+", "-", "@") or line.startswith("*** ")


def _edit(what: str, path: str, body: Sequence[str]) -> Edit | Slip:
    if what == "Delete":
        return Edit(path, "delete")
    if what == "Add":
        return Edit(path, "write", text=_added(body), new=True)
    to = None
    if body and (move := _MOVE.match(body[0])):
        to, body = move["path"], body[1:]
    hunks = _hunks(body)
    if not hunks and to is None:
        return Slip(f"`{path}`: the patch has no lines for it.")
    return Edit(path, "change", hunks=tuple(hunks), to=to)


def _added(body: Sequence[str]) -> str:
    """The lines of a new file; the `+` before them is sometimes forgotten."""
    lines = list(body)
    while lines and not lines[-1].strip():
        lines.pop()
    signed = all(line.startswith("+") for line in lines if line.strip())
    return "".join(f"{line[1:] if signed else line}\n" for line in lines)


def _hunks(body: Sequence[str]) -> list[Hunk]:
    hunks: list[Hunk] = []
    anchors: list[str] = []
    signed: list[tuple[Sign, str]] = []

    def close(*, at_end: bool = False) -> None:
        kept = _without_blank_end(signed)
        if kept:
            hunks.append(Hunk(tuple(kept), anchors=tuple(anchors), in_order=True, at_end=at_end))
            anchors.clear()
        signed.clear()

    for line in body:
        if line.startswith("@@"):
            close()
            if anchor := line[2:].strip().removesuffix("@@").strip():
                anchors.append(anchor)
        elif _END_OF_FILE.match(line):
            close(at_end=True)
        elif not line.strip():
            signed.append((" ", f"{line[1:]}\n"))
        else:
            sign = _SIGNS.get(line[0])
            signed.append((sign, f"{line[1:]}\n") if sign is not None else (" ", f"{line}\n"))
    close()
    return hunks


def _without_blank_end(signed: list[tuple[Sign, str]]) -> list[tuple[Sign, str]]:
    """Lines without blank ones at their end, which stand between hunks as easily as in them."""
    kept = list(signed)
    while kept and kept[-1][0] == " " and not kept[-1][1].strip():
        kept.pop()
    return kept
