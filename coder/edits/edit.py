"""Edits: an answer's changes to files, whatever their format."""

from dataclasses import dataclass, field
from typing import Literal

Sign = Literal[" ", "-", "+"]
"""Sign of a hunk's line: context, removed, added."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that must be in the file, and their replacement."""

    lines: tuple[tuple[Sign, str], ...]
    """Lines with their ends; a file's last one may have none."""
    line: int | None = None
    """Line number in the answer, from 1; a hint. A hunk without old lines is inserted behind this line."""
    anchors: tuple[str, ...] = ()
    """Lines somewhere above it, outermost first; a hint."""
    at_end: bool = False
    """It ends where the file ends."""
    signed: bool = False
    """From a diff or patch: hunks are in order, and their indentation is exact."""
    others: tuple["Hunk", ...] = ()
    """Alternative readings, tried in this order after the first."""

    @property
    def old(self) -> list[str]:
        """The lines that must be there."""
        return [text for sign, text in self.lines if sign != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that replace them."""
        return [text for sign, text in self.lines if sign != "-"]


@dataclass(frozen=True, slots=True)
class Edit:
    """An answer's change to one file."""

    path: str
    """Path in the answer."""
    action: Literal["write", "change", "delete"]
    text: str = ""
    """The whole file, for `write`."""
    hunks: tuple[Hunk, ...] = ()
    to: str | None = None
    """The file's new name, if it is renamed."""
    keeps: bool = False
    """Keep the file under its old name too: a copy."""
    new: bool = False
    """The file must not exist yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every path that it affects."""
        return (self.path,) if self.to is None else (self.path, self.to)


@dataclass(frozen=True, slots=True)
class Slip:
    """An unreadable or inapplicable part of an answer, in words for the model."""

    text: str
    path: str | None = None
    """The file of the workspace concerned, if showing it helps."""
    lines: str = ""
    """Lines of the answer, quoted."""
    near: str = ""
    """Lines of the file, quoted: the nearest ones, or those around each place."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The files that an answer changes, and what to ask for again."""

    files: dict[str, str | None] = field(default_factory=dict)
    """Whole new texts by path, of changed files; None deletes."""
    problem: str | None = None
    fits: bool = True
    """False: some edit doesn't fit or is unreadable. `files` may still hold those that fit."""
    empty: bool = False
    """The answer holds neither an edit nor a file."""
    gist: str = ""
    """The problem in one sentence, if `problem` has several."""
    only_shows: bool = False
    """The answer holds no edit, and no block that names its file."""
    missed: tuple[str, ...] = ()
    """Files of edits that don't fit, of which `problem` quotes no lines."""
    left_out: tuple[str, ...] = ()
    """Files that the answer changes without permission."""
    apart: dict[str, str | None] = field(default_factory=dict)
    """The texts of those files, as far as the edits fit."""
