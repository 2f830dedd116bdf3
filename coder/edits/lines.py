"""Lines of a file: their ends (only \\n ends one, as in git; \\r belongs to it), and their indentation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BOM = "\ufeff"


def split_lines(text: str) -> list[str]:
    """Lines of a text with their ends; the last one may have none."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def bare(line: str) -> str:
    """A line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def usual_end(lines: Sequence[str]) -> str:
    """The end that most lines have."""
    ended = sum(line.endswith("\n") for line in lines)
    with_return = sum(line.endswith("\r\n") for line in lines)
    return "\r\n" if with_return * 2 > ended else "\n"


def joined(lines: Iterable[str], end: str) -> str:
    """Join lines; one without an end gets one, unless it is the last."""
    text = list(lines)
    for i, line in enumerate(text[:-1]):
        if not line.endswith("\n"):
            text[i] = line + end
    return "".join(text)


def like(text: str, before: str) -> str:
    """A file's new text, with its previous line ends and byte order mark."""
    mark = BOM if before.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    if usual_end(split_lines(before)) == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return mark + text


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference of indentation: remove `cut` from an answer's lines, prepend `added`."""

    cut: str
    added: str

    def applied(self, line: str) -> str:
        """A line of the answer with the file's indentation."""
        return self.added + line.removeprefix(self.cut) if line.strip() else line


def find_shift(answered: Sequence[str], there: Sequence[str]) -> Shift | None:
    """The difference of indentation of the same lines; None unless it is the same for all."""
    shifts = {
        _shift(indent(line), indent(own)) for line, own in zip(answered, there, strict=True) if line.strip()
    }
    return shifts.pop() if len(shifts) == 1 else None


def _shift(answered: str, there: str) -> Shift | None:
    if there.endswith(answered):
        return Shift("", there.removesuffix(answered))
    return Shift(answered.removesuffix(there), "") if answered.endswith(there) else None


def indent(line: str) -> str:
    """The blanks before a line's text."""
    return line[: len(line) - len(line.lstrip(" \t"))]
