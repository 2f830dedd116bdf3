"""Edits: what an answer does to files, whatever form it was written in."""

from dataclasses import dataclass, field
from typing import Literal

Sign = Literal[" ", "-", "+"]
"""Of a hunk's line: it stays, it goes, it comes."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that must be in the file, and what stands in their place afterwards."""

    lines: tuple[tuple[Sign, str], ...]
    """Each with its line end; the last one of a file may have none."""
    line: int | None = None
    """Line number that the answer gives, from 1; a hint. A hunk without old lines goes behind this line."""
    anchors: tuple[str, ...] = ()
    """Lines that stand somewhere above it, outermost first; a hint."""
    at_end: bool = False
    """It ends where the file ends."""
    signed: bool = False
    """It is of a diff or a patch: hunks are in order, and their indentation is exact."""
    others: tuple["Hunk", ...] = ()
    """Other readings, where the form leaves that open; tried in this order after the first."""

    @property
    def old(self) -> list[str]:
        """The lines that must be there."""
        return [text for sign, text in self.lines if sign != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that stand there afterwards."""
        return [text for sign, text in self.lines if sign != "-"]


@dataclass(frozen=True, slots=True)
class Edit:
    """What an answer does to one file."""

    path: str
    """As the answer names it."""
    action: Literal["write", "change", "delete"]
    text: str = ""
    """All of the file, for `write`."""
    hunks: tuple[Hunk, ...] = ()
    to: str | None = None
    """The file's new name, if it gets one."""
    keeps: bool = False
    """The file stays under its old name too: a copy."""
    new: bool = False
    """The file must not exist yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every path that it touches."""
        return (self.path,) if self.to is None else (self.path, self.to)


@dataclass(frozen=True, slots=True)
class Slip:
    """A part of an answer that can't be read or made, in words for the model."""

    text: str
    path: str | None = None
    """The file of the workspace that it is about, if showing that file helps."""
    lines: str = ""
    """Lines of the answer and of the file, quoted."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The files that an answer changes, and what to ask for again."""

    files: dict[str, str | None] = field(default_factory=dict)
    """Whole new texts by path, of what changes; None deletes."""
    problem: str | None = None
    fits: bool = True
    """False: some edit doesn't fit or can't be read. What `files` holds all the same, fits."""
    empty: bool = False
    """The answer holds neither an edit nor a file."""
    gist: str = ""
    """The problem in a sentence, where it says more than one."""
    only_shows: bool = False
    """The answer holds no edit, and no block that names its file."""
    missed: tuple[str, ...] = ()
    """Files of edits that don't fit."""
    left_out: tuple[str, ...] = ()
    """Files that the answer changes but may not."""
    apart: dict[str, str | None] = field(default_factory=dict)
    """The texts that those files would have, as far as the edits fit."""
