"""Read the `apply_patch` envelope: sections for files, with hunks that are located by context only.

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
_AFTER_SECTION = {"Add": ("+",), "Update": ("@@", "*** "), "Delete": ("*** ",)}
"""How the line after an indented heading begins, which would else be a line of the file before."""
_SIGNED_CHANGE = ("+", "-")
"""How it may begin, too, behind more than the one blank of a context line."""
_MOVE = re.compile(r"^\*{3} Move to: *(?P<path>\S.*?)\s*$")
_BEGIN, _END, _END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
_MISSING_SECTION = (
    "The patch has no section: `*** Update File: PATH`, or `Add` or `Delete` instead of `Update`."
)


def begins_patch(line: str) -> bool:
    """Whether a line begins a patch, or a section of a patch whose first line is missing."""
    return line.strip() == _BEGIN or _SECTION.match(line) is not None


def read_patch(lines: Sequence[str], at: int, *, fence: str | None) -> tuple[list[Edit], list[Slip], int]:
    """Return edits and slips of the patch in line `at`, and the index after it; `fence` closes the block."""
    has_begin = lines[at].strip() == _BEGIN
    sections: list[tuple[re.Match[str], list[str]]] = []
    slips: list[Slip] = []
    index = at + has_begin
    while index < len(lines) and (fence is None or not closes_signed(lines[index], fence)):
        line = lines[index]
        section = _section(lines, index)
        if line.strip() == _END:
            if has_begin and not sections:
                slips.append(Slip(_MISSING_SECTION))
            index += 1
            break
        if section is not None:
            sections.append((section, []))
        elif not has_begin and fence is None and line.strip() and not _goes_on(sections[-1][0], line):
            break
        elif sections:
            sections[-1][1].append(line)
        index += 1
    else:
        if has_begin and index == len(lines):
            slips.append(Slip(f"The patch isn't closed by `{_END}`."))
    results = [_edit(section["what"], section["path"], body) for section, body in sections]
    edits = [result for result in results if isinstance(result, Edit)]
    return edits, [*(result for result in results if isinstance(result, Slip)), *slips], index


def _section(lines: Sequence[str], at: int) -> re.Match[str] | None:
    """Return the heading of a section in a line, also one behind blanks."""
    section = _SECTION.match(lines[at]) or _SECTION.match(lines[at].lstrip(" \t"))
    if section is None or section.string == lines[at]:
        return section
    after = _AFTER_SECTION[section["what"]]
    if section["what"] == "Update" and lines[at].removesuffix(section.string) != " ":
        after += _SIGNED_CHANGE
    return section if "".join(lines[at + 1 : at + 2]).startswith(after) else None


def _goes_on(section: re.Match[str], line: str) -> bool:
    """Whether a line continues a patch section that has neither a fence nor `*** Begin Patch`."""
    return section["what"] != "Delete" and (line[0] in " +-@" or line.startswith("*** "))


def _edit(action: str, path: str, body: Sequence[str]) -> Edit | Slip:
    if action == "Delete":
        return Edit(path, "delete")
    if action == "Add":
        lines = [line for line in _without_empty_end(body) if line.strip() != _END_OF_FILE]
        if not all(line.startswith("+") for line in lines if line.strip()):
            return Slip(f"`{path}`: every line of a new file must begin with `+` in a patch.")
        return Edit(path, "write", text="".join(f"{line[1:]}\n" for line in lines))
    to = None
    if body and (move := _MOVE.match(body[0].lstrip(" \t"))):
        to, body = move["path"], body[1:]
    hunks = _hunks(body)
    if not hunks and to is None:
        return Slip(f"`{path}`: the patch has no lines for it.")
    return Edit(path, "change", hunks=tuple(hunks), to=to)


def _hunks(body: Sequence[str]) -> list[Hunk]:
    hunks: list[Hunk] = []
    anchors: list[str] = []
    lines: list[str] = []
    for line in [*body, "@@"]:
        at_end = line.strip() == _END_OF_FILE
        if not at_end and not line.startswith("@@"):
            lines.append(line)
            continue
        signed_lines = _signed(_without_empty_end(lines))
        if any(sign != " " for sign, _ in signed_lines):
            is_addition = not anchors and all(sign == "+" for sign, _ in signed_lines)
            hunks.append(
                Hunk(tuple(signed_lines), anchors=tuple(anchors), at_end=at_end or is_addition, signed=True)
            )
            anchors = []
        lines = []
        if not at_end and (anchor := line[2:].strip().removesuffix("@@").strip()):
            anchors.append(anchor)
    return hunks


def _without_empty_end(lines: Sequence[str]) -> Sequence[str]:
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    return lines[:end]


def _signed(lines: Sequence[str]) -> Signed:
    """Return lines with their signs; a line without a sign is context whose blank was forgotten."""
    signs = [SIGNS.get(line[:1] or " ") for line in lines]
    return [
        (sign, f"{line[1:]}\n") if sign is not None else (" ", f"{line}\n")
        for sign, line in zip(signs, lines, strict=True)
    ]
