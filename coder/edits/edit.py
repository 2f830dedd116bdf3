"""Edit: what an answer does to one file, whatever form it was written in."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

Sign = Literal[" ", "-", "+"]
"""Of a hunk's line: it stays, it goes, it comes."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that have to be in the file, and what stands in their place afterwards."""

    lines: tuple[tuple[Sign, str], ...]
    """Each with its line end; the last one of a file may have none."""
    line: int | None = None
    """Where the answer says that it is, from 1; a hint. A hunk without old lines stands behind this line."""
    anchors: tuple[str, ...] = ()
    """Lines that stand somewhere above it, outermost first; a hint."""
    at_end: bool = False
    """It ends where the file ends."""
    in_order: bool = False
    """It stands below the hunk before it; a hint."""
    others: tuple["Hunk", ...] = ()
    """What it can mean too, where its form leaves that open; tried in this order after the first."""

    @property
    def old(self) -> list[str]:
        """The lines that have to be there."""
        return [text for sign, text in self.lines if sign != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that stand there afterwards."""
        return [text for sign, text in self.lines if sign != "-"]

    @property
    def readings(self) -> tuple["Hunk", ...]:
        """All that it can mean, the likeliest first."""
        return (self, *self.others)


def or_unsigned(hunk: Hunk, forgotten: Collection[int]) -> Hunk:
    """The hunk, and what it means if the blank before each line that stays was forgotten.

    The line's own first blank was read as that one, then.

    Args:
        hunk: as its lines say.
        forgotten: indices of those lines that can only be without that blank.
    """
    lines = tuple(
        (sign, f" {text}") if sign == " " and text.strip() and i not in forgotten else (sign, text)
        for i, (sign, text) in enumerate(hunk.lines)
    )
    return hunk if lines == hunk.lines else replace(hunk, others=(*hunk.others, replace(hunk, lines=lines)))


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
    """The name that the file has afterwards, where it is another one."""
    keeps: bool = False
    """The file stays under its old name too: a copy."""
    new: bool = False
    """The file must not be there yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every path that it touches."""
        return (self.path,) if self.to is None else (self.path, self.to)


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip of form: what of an answer could not be read, in words for whoever wrote it."""

    text: str
    path: str | None = None
    """The file of the workspace that it is about, where to see that file helps."""
