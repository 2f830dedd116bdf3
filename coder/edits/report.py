"""Report: what of an answer could not be put into the files, exactly, and what is there instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from coder.context.quoting import fenced
from coder.edits.edit import Hunk, Slip
from coder.edits.lines import bare
from coder.edits.similar import nearest

_QUOTED = 16
"""Lines of an edit, and of the file, that are quoted."""
_WIDE = 300
"""Characters of a line that are quoted."""
_AROUND = 2


@dataclass(frozen=True, slots=True)
class Miss:
    """A hunk that was not put in, and why."""

    path: str
    hunk: Hunk
    why: str
    near: str = ""
    """Lines of the file, with their numbers."""

    @property
    def text(self) -> str:
        """In words for whoever wrote the answer."""
        quoted = block([bare(line) for line in self.hunk.old])
        said = f"`{self.path}`: {self.why}"
        if self.hunk.old:
            said += f" The lines to be replaced were:\n{quoted}"
        return f"{said}\n{self.near}".rstrip()


def numbered(lines: Sequence[str], start: int, end: int) -> str:
    """Lines of a file with their numbers, between fences."""
    first, last = max(0, start), min(end, len(lines))
    return block([f"{i + 1:>4}| {bare(lines[i])}" for i in range(first, last)])


def near_lines(lines: Sequence[str], hunk: Hunk) -> str:
    """The lines that a hunk most likely means, in words; empty where none are alike."""
    found = nearest(lines, hunk.old)
    if not found or found[0].likeness < 0.3:
        return ""
    start, end = found[0].start - _AROUND, found[0].end + _AROUND
    return f"The nearest lines of the file are:\n{numbered(lines, start, end)}"


def block(lines: Sequence[str]) -> str:
    """Lines between fences that none of them can end; long ones and the middle of many left out."""
    if len(lines) > _QUOTED:
        half = _QUOTED // 2
        left_out = f"[… {len(lines) - 2 * half} lines …]"
        lines = [*lines[:half], left_out, *lines[-half:]]
    shown = [line if len(line) <= _WIDE else f"{line[:_WIDE]}[…]" for line in lines]
    return fenced("\n".join(shown))


def reported(misses: Sequence[Miss | Slip], *, others: int = 0) -> str:
    """What is said of an answer that was not put in."""
    parts = [f"{i}. {miss.text}" for i, miss in enumerate(misses, start=1)]
    if others:
        parts.append(f"{others} more edit{'s' if others > 1 else ''} of your answer: not tried after these.")
    found = "\n".join(parts)
    return (
        "Your edits could not be made, so none of them was: the files are as they were.\n"
        f"{found}\n"
        "Answer with all of your edits again, each with lines that are in the file word for word."
    )
