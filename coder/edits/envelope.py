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

from coder.edits.edit import Edit, Hunk, Slip
from coder.edits.hunks import SIGNS, Signed
from coder.edits.nesting import closes_signed

_SECTION = re.compile(r"^\*{3} (?P<what>Add|Update|Delete) File: *(?P<path>\S.*?)\s*$")
_MOVE = re.compile(r"^\*{3} Move to: *(?P<path>\S.*?)\s*$")
_BEGIN, _END, _END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
_NO_SECTION = "The patch has no section: `*** Update File: PATH`, or `Add` or `Delete` instead of `Update`."


def begins_patch(line: str) -> bool:
    """Whether a patch, or a section of one without its first line, begins in this line."""
    return line.strip() == _BEGIN or _SECTION.match(line) is not None


def read_patch(lines: Sequence[str], at: int, *, fence: str | None) -> tuple[list[Edit], list[Slip], int]:
    """The edits of the patch that begins in line `at`, what can't be read, and the index behind it.

    Args:
        fence: what closes the block that it stands in, if any.
    """
    begun = lines[at].strip() == _BEGIN
    i = at + 1 if begun else at
    edits: list[Edit] = []
    slips: list[Slip] = []
    while i < len(lines):
        if lines[i].strip() == _END:
            if begun and not edits and not slips:
                slips.append(Slip(_NO_SECTION))
            return edits, slips, i + 1
        if fence is not None and closes_signed(lines[i], fence):
            return edits, slips, i
        section = _SECTION.match(lines[i])
        if section is None:
            if not begun and lines[i].strip():
                return edits, slips, i
            i += 1
            continue
        what = section["what"]
        end = _end_of_section(lines, i + 1, what, fence, begun=begun)
        read = _edit(what, section["path"], lines[i + 1 : end])
        if isinstance(read, Edit):
            edits.append(read)
        else:
            slips.append(read)
        i = end
    if begun:
        slips.append(Slip(f"The patch isn't closed by `{_END}`."))
    return edits, slips, i


def _end_of_section(lines: Sequence[str], start: int, what: str, fence: str | None, *, begun: bool) -> int:
    for i in range(start, len(lines)):
        line = lines[i]
        if line.strip() == _END or _SECTION.match(line) or (fence is not None and closes_signed(line, fence)):
            return i
        is_of_section = line[:1] in ("", " ", "+", "-", "@") or line.startswith("*** ")
        if not begun and fence is None and (what == "Delete" or not is_of_section):
            return i
    return len(lines)


def _edit(what: str, path: str, body: Sequence[str]) -> Edit | Slip:
    """The edit that a section means."""
    if what == "Delete":
        return Edit(path, "delete")
    if what == "Add":
        lines = [line for line in _without_empty_end(body) if line.strip() != _END_OF_FILE]
        if not all(line.startswith("+") for line in lines if line.strip()):
            return Slip(f"`{path}`: every line of a new file must begin with `+` in a patch.")
        return Edit(path, "write", text="".join(f"{line[1:]}\n" for line in lines), new=True)
    to = None
    if body and (move := _MOVE.match(body[0])):
        to, body = move["path"], body[1:]
    hunks = _hunks(body)
    if not hunks and to is None:
        return Slip(f"`{path}`: the patch has no lines for it.")
    return Edit(path, "change", hunks=tuple(hunks), to=to)


def _hunks(body: Sequence[str]) -> list[Hunk]:
    """The hunks of a section: each stands behind `@@` lines, which name lines above it."""
    found: list[Hunk] = []
    anchors: list[str] = []
    lines: list[str] = []
    for line in [*body, "@@"]:
        at_end = line.strip() == _END_OF_FILE
        if not at_end and not line.startswith("@@"):
            lines.append(line)
            continue
        signed = _signed(_without_empty_end(lines))
        if any(sign != " " for sign, _ in signed):
            found.append(Hunk(tuple(signed), anchors=tuple(anchors), at_end=at_end, signed=True))
            anchors = []
        lines = []
        if not at_end and (anchor := line[2:].strip().removesuffix("@@").strip()):
            anchors.append(anchor)
    return found


def _without_empty_end(lines: Sequence[str]) -> Sequence[str]:
    """Lines without empty ones at their end, which stand between hunks more often than in them."""
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    return lines[:end]


def _signed(lines: Sequence[str]) -> Signed:
    """Lines by their signs; one without a sign stays: its blank was forgotten."""
    signs = [SIGNS.get(line[:1] or " ") for line in lines]
    return [
        (sign, f"{line[1:]}\n") if sign is not None else (" ", f"{line}\n")
        for sign, line in zip(signs, lines, strict=True)
    ]
