"""Report: what of an answer could not be put into the files, exactly, and what is there instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from coder.edits.edit import Hunk, Slip
from coder.edits.lines import bare
from coder.edits.similar import nearest
from coder.edits.syntax import block, numbered
from coder.text.sanitize import count_of

_AROUND = 2
_LEAST_ALIKE = 0.3
"""Of 1, for lines that are quoted as those that may be meant."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A hunk that was not put in, and why."""

    path: str
    hunk: Hunk
    why: str
    near: str = ""
    """Lines of the file, with their numbers."""
    line: int = 1
    """The line of the file, from 1, near which it may belong."""

    @property
    def text(self) -> str:
        """In words for whoever wrote the answer."""
        quoted = block([bare(line) for line in self.hunk.old])
        said = self.gist
        if self.hunk.old:
            said += f" The lines to be replaced were:\n{quoted}"
        return f"{said}\n{self.near}".rstrip()

    @property
    def gist(self) -> str:
        """The same without lines."""
        return f"`{self.path}`: {self.why}"


def not_there(path: str, lines: Sequence[str], hunk: Hunk) -> Miss:
    """A hunk whose lines aren't in a file, with the lines that it most likely means."""
    why = "an edit doesn't fit: its lines aren't there."
    found = nearest(lines, hunk.old)
    if not found or found[0].likeness < _LEAST_ALIKE:
        return Miss(path, hunk, why, line=hunk.line or 1)
    start, end = found[0].start - _AROUND, found[0].end + _AROUND
    shown = f"The nearest lines of the file are:\n{numbered(lines, start, end)}"
    return Miss(path, hunk, why, near=shown, line=found[0].start + 1)


def missed_lines(misses: Sequence[Miss | Slip]) -> dict[str, tuple[int, ...]]:
    """By path the lines, from 1, near which edits that don't fit may belong."""
    found: dict[str, tuple[int, ...]] = {}
    for miss in misses:
        if miss.path is not None:
            line = (miss.line,) if isinstance(miss, Miss) else ()
            found[miss.path] = (*found.get(miss.path, ()), *line)
    return found


def gist(misses: Sequence[Miss | Slip], *, others: int = 0) -> str:
    """The first of them in a sentence, and how many there are."""
    more = len(misses) + others - 1
    first = misses[0].gist if isinstance(misses[0], Miss) else misses[0].text
    return f"{first} (and {more} more)" if more else first


def reported(misses: Sequence[Miss | Slip], *, others: int = 0, made: Sequence[str] = ()) -> str:
    """What is said of an answer that was not put in, or not all of it.

    Args:
        misses: what did not fit.
        others: how many edits after these were not tried, or don't fit.
        made: the files that its other edits have changed.
    """
    parts = [f"{i}. {miss.text}" for i, miss in enumerate(misses, start=1)]
    if others:
        why = "do not fit either" if made else "not tried after these"
        parts.append(f"{count_of(others, 'more edit')} of your answer: {why}.")
    found = "\n".join(parts)
    if made:
        named = ", ".join(f"`{path}`" for path in made)
        return (
            f"Some of your edits could not be made:\n{found}\nAll others are made, in {named}: leave them "
            "out, and answer with these alone, each with whole lines of the file, word for word."
        )
    return (
        "Your edits could not be made, so none of them was: the files are as they were.\n"
        f"{found}\n"
        "Answer with all of your edits again, each with lines that are in the file word for word."
    )
