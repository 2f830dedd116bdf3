"""Split and join lines of a file: line ends (only \\n ends a line, as in git), and indentation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BOM = "\ufeff"


def split_lines(text: str) -> list[str]:
    """Split a text into lines with line ends; the last line may have none."""
    *complete_lines, last_line = text.split("\n")
    return [f"{line}\n" for line in complete_lines] + ([last_line] if last_line else [])


def bare(line: str) -> str:
    """Return a line without its line end."""
    return line.removesuffix("\n").removesuffix("\r")


def end_of(line: str) -> str:
    """Return a line's end; "" for a last line without one."""
    return line[len(bare(line)) :]


def usual_end(lines: Sequence[str]) -> str:
    """Return the line end that most lines have."""
    end_count = sum(line.endswith("\n") for line in lines)
    return_count = sum(line.endswith("\r\n") for line in lines)
    return "\r\n" if return_count * 2 > end_count else "\n"


def joined(lines: Iterable[str], end: str) -> str:
    """Join lines; a line without line end gets one, unless it is the last."""
    text = list(lines)
    for index, line in enumerate(text[:-1]):
        if not line.endswith("\n"):
            text[index] = line + end
    return "".join(text)


def like(text: str, before: str) -> str:
    """Return a file's new text with the old text's line ends and byte order mark."""
    mark = BOM if before.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    if usual_end(split_lines(before)) == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return mark + text


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference of indentation: remove `cut` from an answer's lines, then prepend `added`."""

    cut: str
    added: str

    def applied(self, line: str) -> str:
        """Return a line of the answer with the file's indentation."""
        return self.added + line.removeprefix(self.cut) if line.strip() else line


@dataclass(frozen=True, slots=True)
class Tabs:
    """A difference of indentation: an answer has blanks and the file tabs, or the other way round."""

    width: int
    """Number of blanks for a tab."""
    in_file: bool
    """Whether the file has the tabs."""

    def applied(self, line: str) -> str:
        """Return a line of the answer with the file's indentation."""
        blanks = indent(line).replace("\t", " " * self.width)
        tabs, rest = divmod(len(blanks), self.width) if self.in_file else (0, len(blanks))
        return "\t" * tabs + " " * rest + line.lstrip(" \t") if line.strip() else line


def find_shift(answered: Sequence[str], there: Sequence[str]) -> Shift | None:
    """Return the difference of indentation of equal lines; None if the lines differ by different amounts."""
    shifts = {
        _shift(indent(line), indent(present))
        for line, present in zip(answered, there, strict=True)
        if line.strip()
    }
    return shifts.pop() if len(shifts) == 1 else None


def _shift(answered: str, there: str) -> Shift | None:
    if there.endswith(answered):
        return Shift("", there.removesuffix(answered))
    return Shift(answered.removesuffix(there), "") if answered.endswith(there) else None


def find_tabs(answered: Sequence[str], there: Sequence[str]) -> Tabs | None:
    """Return how many blanks of one side stand for a tab of the other; None if no number fits all lines."""
    pairs = [
        (indent(line), indent(present)) for line, present in zip(answered, there, strict=True) if line.strip()
    ]
    for in_file in (True, False):
        tabbed = [(there, answer) if in_file else (answer, there) for answer, there in pairs]
        widths = {_tab_width(*pair) for pair in tabbed} - {0}
        if len(widths) == 1 and (width := widths.pop()) is not None:
            return Tabs(width, in_file)
    return None


def _tab_width(tabbed: str, blanks: str) -> int | None:
    """Return the number of blanks for a tab; 0 if no line is indented; None if none fits."""
    aligned = tabbed.lstrip("\t")
    tabs, rest = len(tabbed) - len(aligned), len(blanks) - len(aligned)
    if "\t" in blanks + aligned or rest < 0 or (not tabs and rest):
        return None
    return 0 if not tabs else rest // tabs or None if rest % tabs == 0 else None


def indent(line: str) -> str:
    """Return the blanks before a line's text."""
    return line[: len(line) - len(line.lstrip(" \t"))]
