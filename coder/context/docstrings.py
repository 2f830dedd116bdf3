"""Omit long docstrings from code in a prompt, because signature and body say more in fewer characters."""

import re
from collections.abc import Sequence
from itertools import islice

_BEGIN = re.compile(r"""\s*[rRuU]?(\"{3}|'{3})""")
_MIN_LINES = 4
"""Docstrings with at least this many lines are omitted."""


def without_docstrings(lines: Sequence[str], first: int, last: int) -> str:
    """Return lines of Python source in which a long docstring is cut to its first line and a note.

    Args:
        lines: all lines of the file.
        first: number of the first line, from 1.
        last: number of the last line.
    """
    kept_lines: list[str] = []
    number = first
    while number <= last:
        line = lines[number - 1]
        kept_lines.append(line)
        end = docstring_end(lines, number)
        if end is not None and end - number + 1 >= _MIN_LINES:
            indent = line[: len(line) - len(line.lstrip())]
            kept_lines.append(f"{indent}… (docstring to line {end} left out)")
            number = end
        number += 1
    return "\n".join(kept_lines)


def is_in_docstring(lines: Sequence[str], line: int) -> bool:
    """Whether a line, by its number from 1, is in a docstring."""
    starts = (number for number in range(line, 0, -1) if _BEGIN.match(lines[number - 1]))
    return any((docstring_end(lines, number) or 0) >= line for number in islice(starts, 2))


def docstring_end(lines: Sequence[str], n: int) -> int | None:
    """Return the last line of a docstring that begins at line `n`; None if none begins or ends."""
    begin = _BEGIN.match(lines[n - 1])
    line_above = next((line for line in reversed(lines[: n - 1]) if line.strip()), ":")
    if begin is None or not line_above.rstrip().endswith(":"):
        return None
    quotes = begin[1]
    if quotes in lines[n - 1][begin.end() :]:
        return n
    return next((number for number in range(n + 1, len(lines) + 1) if quotes in lines[number - 1]), None)
