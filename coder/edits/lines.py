"""Lines of a file: their ends (only \\n ends one, as for git; \\r belongs to it), and their indentation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

BOM = "\ufeff"


def split_lines(text: str) -> list[str]:
    """The lines of a text, each with its end; the last one may have none."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def bare(line: str) -> str:
    """A line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def usual_end(lines: Sequence[str]) -> str:
    """The end that most lines of a file have."""
    ended = sum(line.endswith("\n") for line in lines)
    with_return = sum(line.endswith("\r\n") for line in lines)
    return "\r\n" if with_return * 2 > ended else "\n"


def joined(lines: Iterable[str], end: str) -> str:
    """The text of these lines; one without an end gets one, unless it is the last."""
    text = list(lines)
    for i, line in enumerate(text[:-1]):
        if not line.endswith("\n"):
            text[i] = line + end
    return "".join(text)


def like(text: str, before: str) -> str:
    """A whole new text of a file, with the line ends and the byte order mark that it had before."""
    had = BOM if before.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    if usual_end(split_lines(before)) == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return had + text


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
                ours = mapped + self._converted(indent[len(theirs) :])
                break
        else:
            theirs, mapped = self.pairs[-1]
            missing = self._converted(theirs.removeprefix(indent))
            if theirs.startswith(indent):  # further out than all that are known
                ours = mapped.removesuffix(missing) if mapped.endswith(missing) else ""
        return ours + line[len(indent) :]

    def _converted(self, surplus: str) -> str:
        """Blanks as tabs, and tabs as blanks, where the known indentations show which are meant."""
        theirs = "".join(pair[0] for pair in self.pairs)
        ours = "".join(pair[1] for pair in self.pairs)
        width = self._width()
        if width is None or not ours or not surplus:
            return surplus
        if ours.strip("\t") == "" and theirs.strip(" ") == "" and surplus.strip(" ") == "":
            return "\t" * (len(surplus) // width) + " " * (len(surplus) % width)
        if ours.strip(" ") == "" and theirs.strip("\t") == "" and surplus.strip("\t") == "":
            return " " * (len(surplus) * width)
        return surplus

    def _width(self) -> int | None:
        """How many blanks are a tab: by two known indentations, else by one."""
        (theirs, ours), (less, our_less) = self.pairs[0], self.pairs[-1] if self.pairs[1:] else ("", "")
        one, other = len(theirs) - len(less), len(ours) - len(our_less)
        if not one or not other:
            return None
        return max(one, other) // min(one, other)


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
