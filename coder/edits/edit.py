"""Edits: an answer's changes to files, independent of their format."""

from dataclasses import dataclass, field
from typing import Literal

Sign = Literal[" ", "-", "+"]
"""Sign of a hunk's line: context, removed, added."""
FileBlocks = Literal["all", "below_path", "none"]
"""Which fenced blocks are whole files: all, those with their path alone on the line above, or none."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that must be in the file, and their replacement."""

    lines: tuple[tuple[Sign, str], ...]
    """Lines with line ends; the last line of a file may have none."""
    line: int | None = None
    """Line number in the answer, from 1, as a hint. A hunk without old lines is inserted after it."""
    anchors: tuple[str, ...] = ()
    """Lines above the hunk, outermost first, as a hint."""
    at_end: bool = False
    """Whether the hunk is at the end of the file."""
    signed: bool = False
    """Whether the hunk is from a diff or patch, so that hunks are in order and indentation is exact."""
    others: tuple["Hunk", ...] = ()
    """Alternative readings of the hunk, tried in this order."""

    @property
    def old(self) -> list[str]:
        """The lines that must be in the file."""
        return [text for sign, text in self.lines if sign != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that replace the old ones."""
        return [text for sign, text in self.lines if sign != "-"]


@dataclass(frozen=True, slots=True)
class Edit:
    """An answer's change to one file."""

    path: str
    """Path as in the answer."""
    action: Literal["write", "change", "delete"]
    text: str = ""
    """The whole file, for `write`."""
    hunks: tuple[Hunk, ...] = ()
    to: str | None = None
    """The file's new name, if it is renamed."""
    keeps: bool = False
    """Whether the file is also kept under its old name, as a copy."""
    new: bool = False
    """Whether the file, or that of its new name, must not exist yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """All paths that the edit affects."""
        return (self.path,) if self.to is None else (self.path, self.to)


@dataclass(frozen=True, slots=True)
class Slip:
    """An unreadable or inapplicable part of an answer, described for the model."""

    text: str
    path: str | None = None
    """The affected workspace file, if showing it helps."""
    lines: str = ""
    """Lines of the answer, quoted."""
    near: str = ""
    """Lines of the file, quoted: the most similar ones, or those around each place."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The files that an answer changes, and problems to report."""

    files: dict[str, str | None] = field(default_factory=dict)
    """New texts of changed files by path; None: deleted."""
    problem: str | None = None
    fits: bool = True
    """False: an edit doesn't fit or is unreadable. `files` may contain the other edits."""
    empty: bool = False
    """Whether the answer contains neither an edit nor a file."""
    gist: str = ""
    """The problem in one sentence, if `problem` has several."""
    missed: tuple[str, ...] = ()
    """Files with edits that don't fit and of which `problem` quotes no lines."""
    left_out: tuple[str, ...] = ()
    """Files that the answer changes but may not write."""
    apart: dict[str, str | None] = field(default_factory=dict)
    """New texts of the files in `left_out` whose edits fit."""
    doubted: dict[str, str] = field(default_factory=dict)
    """Whole files that aren't written unless the next answer repeats them, as they drop most names."""
