"""Read: the edits in an answer, by what it holds, whichever form was asked for.

Blocks of Markdown are told apart by how they begin: search/replace, a patch, a diff; all other blocks are
left to be read as whole files. Edits outside of any block count too.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import takewhile

from coder.edits import searchreplace
from coder.edits.code_blocks import block_at
from coder.edits.edit import Edit, Slip
from coder.edits.hunks import begins_diff, begins_hunk, begins_names, header_name, is_numbered, unprefixed
from coder.edits.nesting import LONGEST_NAME, Fences, closes, name_in, opening_fence

MOST_SLIPS = 4
_LOOK = 4
"""Lines at the start of a block among which an edit begins, if it is one."""
_DIFFS = {"diff", "patch", "udiff"}
_NAMES = ("--- ", "+++ ")
_COMMIT = re.compile(r"^(?:From |commit )[0-9a-f]{7,64}\b")
_OF_DIFFS = (".diff", ".patch")
_COMMAND = re.compile(r"^[^*]*\bapply_?patch\b[^*]*$")
"""The program that the envelope was made for, with the patch as a here document."""
_BEGIN_IN_JSON = "*** Begin Patch\\n"


@dataclass(slots=True)
class Edits:
    """What an answer wants changed."""

    edits: list[Edit] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    """Lines that are no edits: prose, and blocks that may be whole files."""

    @property
    def is_any(self) -> bool:
        """Whether there is any edit, readable or not."""
        return bool(self.edits or self.slips)


def read_edits(text: str, *, default: str, known: Collection[str]) -> Edits:
    """The edits in an answer.

    Args:
        text: the answer.
        default: the file that edits without a name belong to.
        known: the files that are there.
    """
    reader = _Reader(_lines(text), default, known)
    reader.read()
    if not reader.found.is_any and (patch := _in_json(text)):
        return read_edits(patch, default=default, known=known)
    return reader.found


def _in_json(text: str) -> str | None:
    """A patch that is an argument in the JSON of a tool's call, where no such tool was offered."""
    marker = text.find(_BEGIN_IN_JSON)
    quote = text.rfind('"', 0, marker) if marker >= 0 else -1
    if quote < 0:
        return None
    try:
        return str(json.JSONDecoder(strict=False).raw_decode(text, quote)[0])
    except ValueError:
        return None


def _lines(text: str) -> list[str]:
    """Lines without their ends; \\r stays where it is some lines' own."""
    lines = text.split("\n")
    written = [line for line in lines[:-1] if line]
    if written and all(line.endswith("\r") for line in written):
        return [line.removesuffix("\r") for line in lines]
    return lines


def _begins_patch(line: str) -> bool:
    """As `begins_patch`, which is loaded for an answer that may hold one."""
    if "***" not in line:
        return False
    from coder.edits.envelope import begins_patch

    return begins_patch(line)


class _Reader:
    def __init__(self, lines: list[str], default: str, known: Collection[str]) -> None:
        self.found = Edits()
        self._lines = lines
        self._fences = Fences(lines, known=known)
        self._known = known
        self._default = default
        self._name: str | None = None
        """The file of the block before, where a block names none."""
        self._fence: str | None = None
        """What closes the block that we are in."""
        self._is_diff = False

    def read(self) -> None:
        """Go through the answer once."""
        i = 0
        while i < len(self._lines) and len(self.found.slips) < MOST_SLIPS:
            i = self._outside(i) if self._fence is None else self._inside(i)

    def _outside(self, at: int) -> int:
        """One step outside of any block of edits; gives the next line."""
        line = self._lines[at]
        opening = opening_fence(line)
        if opening is None:
            return self._edit(at) or self._leave(at, at + 1)
        mark, info = opening["mark"], opening["info"].strip()
        self._is_diff = info.lower().partition(" ")[0] in _DIFFS
        if not self._begins_edits(at + 1, mark):
            _, end = block_at(self._lines, at, self._fences, known=self._known)
            name = self._named(info, at) or self._name or self._default
            if self._is_diff and _is_hunk(self._lines[at + 1 : end]) and not name.endswith(_OF_DIFFS):
                self._name = name
                self._take_diff(["@@", *self._lines[at + 1 : end]], 0)
                return end + 1
            return self._leave(at, end + 1)
        self._fence = line[: opening.end("mark")]
        self._name = self._named(info, at) or self._name
        return at + 1

    def _inside(self, at: int) -> int:
        """One step in a block of edits."""
        line = self._lines[at]
        assert self._fence is not None
        if closes(line, self._fence):
            self._fence = None
            return at + 1
        end = self._edit(at)
        if line.startswith("+++ ") and end is None:  # a diff without its first line
            self._name = unprefixed(header_name(line[4:]))
        elif end is None and (name := name_in(line, self._known, any_word=self._is_before_block(at))):
            self._name = name
        return end or at + 1

    def _edit(self, at: int) -> int | None:
        """Read the edit that begins in a line, and give the line behind it; None where none begins."""
        line = self._lines[at]
        if searchreplace.opens(line):
            above = self._above(at) if self._fence is None else None
            self._name = searchreplace.named(line) or above or self._name
            return self._block(at)
        if _begins_patch(line):
            from coder.edits.envelope import read_patch

            patch = read_patch(self._lines, at, fence=self._fence)
            self.found.edits += patch.edits
            self.found.slips += patch.slips
            return max(patch.end, at + 1)
        is_in_diff = self._fence is not None and (begins_hunk(line) or begins_names(self._lines, at))
        if is_in_diff or begins_diff(self._lines, at):
            return max(self._take_diff(self._lines, at), at + 1)
        return None

    def _take_diff(self, lines: list[str], at: int) -> int:
        """Read the diff that begins in a line, and give the line behind it."""
        from coder.edits.unified import read_diff

        name = self._name or self._default
        diff = read_diff(lines, at, fence=self._fence, path=name, known=self._known)
        if diff.goes_on:
            self._go_on(diff.edits)
        self.found.edits += diff.edits
        if self.found.edits:
            self._name = self.found.edits[-1].path
        self.found.slips += diff.slips
        return diff.end

    def _go_on(self, edits: list[Edit]) -> None:
        """More hunks of the diff before: their numbers count from the same lines as its own."""
        pair = [*self.found.edits[-1:], *edits[:1]]
        if len(pair) == 2 and len({(edit.path, edit.action, edit.to) for edit in pair}) == 1:
            self.found.edits[-1] = replace(pair[0], hunks=pair[0].hunks + edits.pop(0).hunks)

    def _block(self, at: int) -> int:
        path = self._name or self._default
        block = searchreplace.read_block(self._lines, at, path)
        if isinstance(block, Slip):
            self.found.slips.append(block)
            return at + 1
        made = block.makes
        last = self.found.edits[-1] if self.found.edits else None
        if made is not None:
            self.found.edits.append(Edit(path, "write", text=made, new=True))
        elif last is not None and last.path == path and last.action == "change" and last.to is None:
            self.found.edits[-1] = Edit(path, "change", hunks=(*last.hunks, block.hunk))
        else:
            self.found.edits.append(Edit(path, "change", hunks=(block.hunk,)))
        return block.end

    def _begins_edits(self, start: int, mark: str) -> bool:
        """Whether the block that begins here holds edits."""
        if self._is_diff and self._holds_mail(start, mark):
            return True
        for i in range(start, min(start + _LOOK, len(self._lines))):
            line = self._lines[i]
            if closes(line, mark):
                return False
            if searchreplace.opens(line) or _begins_patch(line) or begins_diff(self._lines, i):
                return True
            if _COMMAND.match(line[:LONGEST_NAME]):
                continue
            if is_numbered(line) or (self._is_diff and (begins_hunk(line) or line.startswith(_NAMES))):
                return True
            if line.strip() and name_in(line, self._known, any_word=True) is None:
                return self._is_diff and line.startswith(("Index: ", "index "))
        return False

    def _holds_mail(self, start: int, mark: str) -> bool:
        """Whether a commit or a mail stands before the diff in a block: `git show`, `git format-patch`."""
        if not _COMMIT.match(self._lines[start] if start < len(self._lines) else ""):
            return False
        body = (self._lines[i] for i in range(start, len(self._lines)))
        return any(
            line.startswith("diff --git ") for line in takewhile(lambda line: not closes(line, mark), body)
        )

    def _named(self, info: str, at: int) -> str | None:
        """The file that a block's first line names, or the line above it."""
        words = info.replace(":", " ").split()
        named = name_in(words[-1], self._known) if words else None
        return named or self._above(at)

    def _above(self, at: int) -> str | None:
        lines = [line for line in self._lines[max(0, at - 2) : at] if line.strip()]
        return name_in(lines[-1], self._known) if lines else None

    def _is_before_block(self, at: int) -> bool:
        following = self._lines[at + 1 : at + 2]
        return bool(following) and searchreplace.opens(following[0])

    def _leave(self, start: int, end: int) -> int:
        self.found.rest += self._lines[start:end]
        return end


def _is_hunk(body: list[str]) -> bool:
    """Whether lines are those of a hunk without its heading: each has a sign, and some come or go."""
    signs = {line[0] for line in body if line.strip()}
    return bool(signs & {"+", "-"}) and signs <= {"+", "-", " "}
