"""Indentation that is shifted: the same lines, each a bit further in or out, or with tabs for blanks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Shift:
    """From the indentations of an answer to those of the file."""

    pairs: tuple[tuple[str, str], ...]
    """Indentation in the answer and in the file, the longest first."""

    def applied(self, line: str) -> str:
        """A line of the answer with the file's indentation; one deeper than any known keeps its surplus."""
        indent = _indent(line)
        if indent is None:
            return line
        ours = indent
        for theirs, mapped in self.pairs:
            if indent.startswith(theirs):
                ours = mapped + _converted(indent[len(theirs) :], theirs, mapped)
                break
        else:
            ours = _outward(indent, *self.pairs[-1])
        return ours + line[len(indent) :]


def find_shift(answered: Sequence[str], there: Sequence[str]) -> Shift | None:
    """How the indentation of the same lines differs; None where it doesn't do so in one way."""
    pairs: dict[str, str] = {}
    for line, own in zip(answered, there, strict=True):
        theirs, ours = _indent(line), _indent(own)
        if theirs is None or ours is None:
            continue
        if pairs.setdefault(theirs, ours) != ours:
            return None
    by_width = sorted(pairs.items(), key=lambda pair: len(pair[0]))
    if not pairs or any(len(a[1]) >= len(b[1]) for a, b in pairwise(by_width)):
        return None
    return Shift(tuple(reversed(by_width)))


def _indent(line: str) -> str | None:
    """The blanks before a line; None for one that is blank."""
    text = line.lstrip(" \t")
    return line[: len(line) - len(text)] if text.strip() else None


def _converted(surplus: str, theirs: str, ours: str) -> str:
    """Blanks as tabs, and tabs as blanks, where the known indentations show which are meant."""
    if ours.strip("\t") == "" and theirs.strip(" ") == "" and ours and theirs and "\t" not in surplus:
        width = max(1, len(theirs) // len(ours))
        return "\t" * (len(surplus) // width) + " " * (len(surplus) % width)
    if ours.strip(" ") == "" and theirs.strip("\t") == "" and ours and theirs and " " not in surplus:
        return " " * (len(surplus) * max(1, len(ours) // len(theirs)))
    return surplus


def _outward(indent: str, theirs: str, ours: str) -> str:
    """The indentation of a line that is further out than all that are known."""
    if theirs.startswith(indent):
        missing = _converted(theirs[len(indent) :], theirs, ours)
        return ours.removesuffix(missing) if ours.endswith(missing) else ""
    return indent
