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
from dataclasses import dataclass, replace

from coder.edits.edit import Edit, Hunk, Sign, Slip, or_unsigned
from coder.edits.nesting import closes_signed, opening_fence

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


_MOVE = re.compile(r"^\s{0,3}\*{3} ?(?:Move|Rename)(?: File)? to: ?(?P<path>.+?)\s*$", re.IGNORECASE)
_END_OF_FILE = re.compile(r"^\s{0,3}\*{3} ?End of File(?: ?\*{3})?\s*$", re.IGNORECASE)
_NUMBERS = re.compile(r"^-(\d{1,9})(?:,\d+)? \+\d+(?:,\d+)?(?: @@ ?(?P<rest>.*))?$")
_SIGNS: dict[str, Sign] = {" ": " ", "-": "-", "+": "+"}


def edit_of(what: str, path: str, body: Sequence[str], *, is_fenced: bool) -> Edit | Slip:
    """The edit that a section means.

    Args:
        what: Add, Update or Delete.
        path: the file, as the section names it.
        body: the lines below that.
        is_fenced: the whole patch stands in a fence, so that none stands in it.
    """
    path = _bare(path)
    if what == "Delete":
        return Edit(path, "delete")
    body = _without_names(body if is_fenced else _without_fence(body))
    if what == "Add":
        text = _added(body)
        if text is None:
            return Slip(
                f"`{path}`: every line of a new file begins with `+` in a patch; some of yours don't."
            )
        return Edit(path, "write", text=text, new=True)
    to = None
    if body and (move := _MOVE.match(body[0])):
        to, body = _bare(move["path"]), _without_names(body[1:])
    hunks = _hunks(body)
    if not hunks and to is None:
        return Slip(f"`{path}`: the patch has no lines for it.")
    return Edit(path, "change", hunks=tuple(hunks), to=to)


def _bare(path: str) -> str:
    """A path without the quotes or stars around it."""
    path = path.removesuffix("***").rstrip()
    return path[1:-1] if len(path) > 2 and path[0] == path[-1] and path[0] in "`\"'" else path


def _without_fence(body: Sequence[str]) -> Sequence[str]:
    """A section without the fence that was put around its lines, inside of the patch."""
    written = [i for i, line in enumerate(body) if line.strip()]
    first, last = (written[0], written[-1]) if written else (0, -1)
    if written and not body[first].startswith(" ") and opening_fence(body[first]) is not None:
        body, last = [*body[:first], *body[first + 1 :]], last - 1
    if written and last >= 0 and closes_signed(body[last], "```"):
        body = [*body[:last], *body[last + 1 :]]
    return body


def _without_names(body: Sequence[str]) -> Sequence[str]:
    """A section without the two lines by which a diff names its file: the section has named it."""
    if len(body) > 1 and body[0].startswith("--- ") and body[1].startswith("+++ "):
        return body[2:]
    return body


def _added(body: Sequence[str]) -> str | None:
    """The lines of a new file; None where only some have their `+`, which it can be forgotten before all."""
    lines = [line for line in body if not line.startswith("@@")] if _has_heading(body) else list(body)
    while lines and not lines[-1].strip():
        lines.pop()
    written = [line for line in lines if line.strip() and not _END_OF_FILE.match(line)]
    if not all(line.startswith("+") for line in written):
        return None if written[0].startswith("+") else "".join(f"{line}\n" for line in lines)
    return "".join(f"{line[1:]}\n" for line in lines if not _END_OF_FILE.match(line))


def _has_heading(body: Sequence[str]) -> bool:
    """Whether a new file's lines are written as those of a hunk."""
    return bool(body) and body[0].startswith("@@")


def _hunks(body: Sequence[str]) -> list[Hunk]:
    reader = _Reader()
    for line in body:
        reader.take(line)
    reader.close()
    changing = [hunk for hunk in reader.found if any(sign != " " for sign, _ in hunk.lines)]
    return changing or reader.found  # what changes nothing needn't be there


class _Reader:
    """Reads hunks line by line."""

    def __init__(self) -> None:
        self.found: list[Hunk] = []
        self._anchors: list[str] = []
        self._line: int | None = None
        self._signed: list[tuple[Sign, str]] = []
        self._forgotten: list[int] = []
        self._empty = 0
        """Lines at the end with nothing in them: these stand between hunks as easily as in them."""

    def take(self, line: str) -> None:
        """Read one line."""
        if line.startswith("@@"):
            self.close()
            self._head(line[2:].strip().removesuffix("@@").strip())
        elif _END_OF_FILE.match(line):
            self.close(at_end=True)
        else:
            sign = _SIGNS.get(line[:1] or " ") if line.strip() else " "
            self._empty = 0 if line else self._empty + 1
            if sign is None:
                self._forgotten.append(len(self._signed))
            self._signed.append((" ", f"{line}\n") if sign is None else (sign, f"{line[1:]}\n"))

    def close(self, *, at_end: bool = False) -> None:
        """End the hunk that is being read, if it has any line."""
        signed = self._signed[: len(self._signed) - self._empty]
        if signed:
            line = self._line if any(sign != "+" for sign, _ in signed) else None
            first, other = (
                Hunk(tuple(kept), line=line, anchors=tuple(self._anchors), in_order=True, at_end=at_end)
                for kept in (signed, _without_blank_end(signed))
            )
            meant = replace(first, others=(other,)) if first != other and other.old else first
            self.found.append(or_unsigned(meant, self._forgotten))
            self._anchors, self._line = [], None
        self._signed, self._forgotten, self._empty = [], [], 0

    def _head(self, anchor: str) -> None:
        """What stands behind `@@`: a line above the hunk, or numbers as a diff has them."""
        if as_diff := _NUMBERS.match(anchor):
            self._line = int(as_diff[1])
            anchor = as_diff["rest"] or ""
        if anchor:
            self._anchors.append(anchor)


def _without_blank_end(signed: list[tuple[Sign, str]]) -> list[tuple[Sign, str]]:
    """Lines without blank ones at their end, which a model sometimes adds."""
    kept = list(signed)
    while kept and kept[-1][0] == " " and not kept[-1][1].strip():
        kept.pop()
    return kept
