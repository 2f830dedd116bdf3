"""Leave long docstrings out of code that a prompt shows: signature and body tell more in fewer characters."""

import re
from collections.abc import Sequence
from itertools import islice

_BEGIN = re.compile(r"""\s*[rRuU]?(\"{3}|'{3})""")
_LEAST = 4
"""Lines of a docstring that is left out; a shorter one stays."""


def without_docstrings(lines: Sequence[str], first: int, last: int) -> str:
    """Lines of Python source, where a long docstring is its first line and a line that says what is left out.

    Args:
        lines: all lines of the file.
        first: number of the first line, from 1.
        last: number of the last line.
    """
    kept: list[str] = []
    n = first
    while n <= last:
        line = lines[n - 1]
        kept.append(line)
        end = docstring_end(lines, n)
        if end is not None and end - n + 1 >= _LEAST:
            indent = line[: len(line) - len(line.lstrip())]
            kept.append(f"{indent}… (docstring to line {end} left out)")
            n = end
        n += 1
    return "\n".join(kept)


def is_in_docstring(lines: Sequence[str], line: int) -> bool:
    """Whether a line, by its number from 1, is in a docstring."""
    begins = (n for n in range(line, 0, -1) if _BEGIN.match(lines[n - 1]))
    return any((docstring_end(lines, n) or 0) >= line for n in islice(begins, 2))


def docstring_end(lines: Sequence[str], n: int) -> int | None:
    """The last line of a docstring that begins at a line; None where none begins there, or it doesn't end."""
    begin = _BEGIN.match(lines[n - 1])
    above = next((line for line in reversed(lines[: n - 1]) if line.strip()), ":")
    if begin is None or not above.rstrip().endswith(":"):
        return None
    quotes = begin[1]
    if quotes in lines[n - 1][begin.end() :]:
        return n
    return next((m for m in range(n + 1, len(lines) + 1) if quotes in lines[m - 1]), None)
