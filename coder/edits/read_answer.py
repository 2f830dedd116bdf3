"""Read an answer: its edits in any format, and blocks that may be whole files.

The beginning of a block shows its kind: search/replace, a patch or a diff; other blocks may be whole files.
Edits outside of blocks count, too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from coder.edits import searchreplace
from coder.edits.code_blocks import Block, block_at, line_above
from coder.edits.edit import Edit, Slip
from coder.edits.hunks import begins_diff, begins_hunk, begins_names, is_numbered
from coder.edits.nesting import Fences, closes, opening_fence
from coder.edits.paths import PATH, WORD, name_in, name_of_block

_MAX_SLIPS = 4
_MAX_DISTANCE = 4
"""An edit must begin within this many lines of a block."""
_DIFF_LANGUAGES = {"diff", "patch", "udiff"}
_DIFF_SUFFIXES = (".diff", ".patch")


@dataclass(slots=True)
class Edits:
    """The changes that an answer requests."""

    edits: list[Edit] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    """Fenced blocks that aren't edits."""


def read_edits(
    text: str, *, default: str = "", files: Collection[str] = (), takes_unnamed_diffs: bool = True
) -> Edits:
    """Return the edits in an answer; those without a file name belong to the default file.

    Without a default file, or with `takes_unnamed_diffs` False, a block of a diff that names no file is only
    shown.
    """
    reader = _Reader(_lines(text), default, files, takes_unnamed_diffs=takes_unnamed_diffs)
    reader.read()
    return reader.answer


def _lines(text: str) -> list[str]:
    """Return lines without line ends; \\r stays if only some lines have it."""
    lines = text.split("\n")
    non_empty = [line for line in lines[:-1] if line]
    if non_empty and all(line.endswith("\r") for line in non_empty):
        return [line.removesuffix("\r") for line in lines]
    return lines


def _begins_patch(line: str) -> bool:
    """Like `envelope.begins_patch`, which is imported only for an answer that may contain a patch."""
    if "***" not in line:
        return False
    from coder.edits.envelope import begins_patch

    return begins_patch(line)


class _Reader:
    def __init__(
        self, lines: list[str], default: str, files: Collection[str], *, takes_unnamed_diffs: bool
    ) -> None:
        self.answer = Edits()
        self._lines = lines
        self._fences = Fences(lines, files=files)
        self._files = files
        self._default = default
        self._diff_default = default if takes_unnamed_diffs else ""
        self._name = ""
        """The file of the previous edit, for an edit without a file name."""
        self._fence: str | None = None
        """The fence that closes the current block of edits."""

    def read(self) -> None:
        """Read the whole answer."""
        index = 0
        while index < len(self._lines) and len(self.answer.slips) < _MAX_SLIPS:
            index = self._outside(index) if self._fence is None else self._inside(index)

    def _outside(self, at: int) -> int:
        line = self._lines[at]
        opening = opening_fence(line)
        if opening is None:
            return self._edit(at) or at + 1
        mark, info = opening["mark"], opening["info"].strip()
        is_diff = info.lower().partition(" ")[0] in _DIFF_LANGUAGES
        previous_line = line_above(self._lines, at)
        name = (
            name_of_block(info, self._files, PATH) or name_in(previous_line, self._files, PATH) or self._name
        )
        is_shown = is_diff and not (name or self._diff_default or self._names_file(at + 1, mark))
        if not is_shown and self._begins_edits(at + 1, mark, is_diff=is_diff):
            self._fence = line[: opening.end("mark")]
            self._name = name
            return at + 1
        block, end = block_at(self._lines, at, self._fences, files=self._files)
        body = self._lines[at + 1 : end]
        if is_diff and not is_shown and _is_hunk(body) and not name.endswith(_DIFF_SUFFIXES):
            self._name = name
            self._take_diff(["@@", *body], 0)
        else:
            self.answer.blocks.append(block)
            if len(body) == 1:
                self._name = name_in(body[0], self._files, PATH) or self._name
        return end + 1

    def _inside(self, at: int) -> int:
        line = self._lines[at]
        assert self._fence is not None
        if closes(line, self._fence):
            self._fence = None
            return at + 1
        end = self._edit(at)
        next_lines = self._lines[at + 1 : at + 2]
        shape = WORD if next_lines and searchreplace.opens(next_lines[0]) else PATH
        if end is None and (name := name_in(line, self._files, shape)):
            self._name = name
        return end or at + 1

    def _edit(self, at: int) -> int | None:
        """Read the edit that begins in a line; return the line after it, or None if none begins."""
        line = self._lines[at]
        if searchreplace.opens(line):
            if self._fence is None:
                self._name = name_in(line_above(self._lines, at), self._files, PATH) or self._name
            return self._take_block(at)
        if _begins_patch(line):
            from coder.edits.envelope import read_patch

            edits, slips, end = read_patch(self._lines, at, fence=self._fence)
            self.answer.edits += edits
            self.answer.slips += slips
            return max(end, at + 1)
        is_in_diff = self._fence is not None and (begins_hunk(line) or begins_names(self._lines, at))
        if is_in_diff or begins_diff(self._lines, at):
            return max(self._take_diff(self._lines, at), at + 1)
        return None

    def _take_diff(self, lines: Sequence[str], at: int) -> int:
        from coder.edits.unified import edit_of, read_diff

        sections, end = read_diff(lines, at, path=self._name or self._default, fence=self._fence)
        results = [edit_of(section, self._files) for section in sections]
        edits = [edit for edit in results if isinstance(edit, Edit)]
        if begins_hunk(lines[at]) and edits and self._goes_on(edits[0]):
            # More hunks of the previous diff, with line numbers of the same file.
            last_edit = self.answer.edits.pop()
            edits[0] = replace(last_edit, hunks=last_edit.hunks + edits[0].hunks)
        self.answer.edits += edits
        self.answer.slips += [slip for slip in results if isinstance(slip, Slip)]
        if self.answer.edits:
            self._name = self.answer.edits[-1].path
        return end

    def _take_block(self, at: int) -> int:
        edit, end = searchreplace.read_block(self._lines, at, self._name or self._default)
        if isinstance(edit, Slip):
            self.answer.slips.append(edit)
            return end
        if self._goes_on(edit):
            edit = replace(edit, hunks=self.answer.edits.pop().hunks + edit.hunks)
        self.answer.edits.append(edit)
        return end

    def _goes_on(self, edit: Edit) -> bool:
        """Whether an edit changes the same file as the previous edit."""
        last_edit = self.answer.edits[-1] if self.answer.edits else None
        if last_edit is None or not last_edit.action == edit.action == "change":
            return False
        return (last_edit.path, last_edit.to) == (edit.path, edit.to)

    def _names_file(self, start: int, mark: str) -> bool:
        """Whether a block that begins after a fence holds an edit with the name of a file."""
        for index in range(start, len(self._lines)):
            line = self._lines[index]
            if closes(line, mark):
                return False
            if begins_names(self._lines, index) or begins_diff(self._lines, index) or _begins_patch(line):
                return True
            if searchreplace.opens(line):
                return True
        return False

    def _begins_edits(self, start: int, mark: str, *, is_diff: bool) -> bool:
        """Whether a block contains edits: anywhere in a diff, else at the block's beginning."""
        for index in range(
            start, len(self._lines) if is_diff else min(start + _MAX_DISTANCE, len(self._lines))
        ):
            line = self._lines[index]
            if closes(line, mark):
                return False
            if searchreplace.opens(line) or _begins_patch(line) or begins_diff(self._lines, index):
                return True
            if is_numbered(line) or (is_diff and (begins_hunk(line) or begins_names(self._lines, index))):
                return True
            if not is_diff and line.strip() and name_in(line, self._files, WORD) is None:
                return False
        return False


def _is_hunk(body: Sequence[str]) -> bool:
    """Whether lines form a hunk without heading: each has a sign, and some are added or removed."""
    signs = {line[0] for line in body if line.strip()}
    return bool(signs & {"+", "-"}) and signs <= {"+", "-", " "}
