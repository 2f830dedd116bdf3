"""Summarize a long log or table by kinds of lines, the rarest first."""

import re
from collections.abc import Sequence

from coder.base.text.sanitize import count_of
from coder.context.quoting import fenced, shown_path

_MAX_SUMMARY = 4_000
"""Maximum characters of the summary of a file."""
_MAX_KINDS, _MAX_NUMBERS = 30, 3
_MAX_LINES = 200_000
"""Compare at most this many lines of a file."""
_MAX_WIDTH = 200
"""Show at most this many characters of a line."""
_VARIABLE_PART = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|0x[\da-fA-F]+|[\da-fA-F]{8}-[\da-fA-F-]{27}|\d+(?:[.,:/T-]\d+)*"
)
"""Values that differ between lines of one kind: quoted texts, numbers, times, identifiers."""


def kinds_shown(path: str, text: str) -> str:
    """Return the kinds of lines in a file, as a section of a prompt."""
    lines = count_of(len(text.splitlines()), "line")
    heading = f"{shown_path(path)} has {lines}; its kinds of lines, the rarest first:"
    return f"\n{heading}\n{fenced(line_kinds(text, most=_MAX_SUMMARY))}\n"


def line_kinds(text: str, *, most: int) -> str:
    """Return the kinds of lines in a text, the rarest first: count, first line numbers, and an example.

    Lines are of one kind if they differ only in numbers and quoted texts.

    Args:
        text: lines, such as those of a log or a table.
        most: maximum characters of the result.
    """
    lines = text.splitlines()
    kinds: dict[str, list[int]] = {}
    for number, line in enumerate(lines[:_MAX_LINES], 1):
        if line.strip():
            kinds.setdefault(_VARIABLE_PART.sub("#", line.strip())[:_MAX_WIDTH], []).append(number)
    order = sorted(kinds.values(), key=lambda numbers: (len(numbers), numbers[0]))
    rows: list[str] = []
    for numbers in order:
        row = _row(numbers, lines)
        if len(rows) == _MAX_KINDS or sum(map(len, rows)) + len(row) > most:
            rows.append(f"… and {count_of(len(order) - len(rows), 'other kind')}")
            break
        rows.append(row)
    return "\n".join(rows)


def _row(numbers: Sequence[int], lines: Sequence[str]) -> str:
    first_line = lines[numbers[0] - 1].strip()
    example = first_line if len(first_line) <= _MAX_WIDTH else f"{first_line[:_MAX_WIDTH]}…"
    line_numbers = ", ".join(map(str, numbers[:_MAX_NUMBERS]))
    ellipsis = ", …" if len(numbers) > _MAX_NUMBERS else ""
    word = "line" if len(numbers) == 1 else "lines"
    return f"{len(numbers)} × ({word} {line_numbers}{ellipsis})  {example}"
