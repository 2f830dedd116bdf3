"""Kinds of lines: what a long log or table holds, the rarest kinds first."""

import re
from collections.abc import Sequence

from coder.base.text.sanitize import count_of
from coder.context.quoting import fenced, shown_path

_MOST_SHOWN = 4_000
"""Characters of the kinds of one file."""
_MOST_KINDS, _MOST_EXAMPLES = 30, 3
_MOST_READ = 200_000
"""Lines of a file that are compared."""
_WIDTH = 200
"""Characters of a line that are shown."""
_VARIES = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|0x[\da-fA-F]+|[\da-fA-F]{8}-[\da-fA-F-]{27}|\d+(?:[.,:/T-]\d+)*"
)
"""Values that differ between lines of one kind: quoted texts, numbers, times, identifiers."""


def kinds_shown(path: str, text: str) -> str:
    """The kinds of lines of a file, as a part of a prompt."""
    lines = count_of(len(text.splitlines()), "line")
    heading = f"{shown_path(path)} has {lines}; its kinds of lines, the rarest first:"
    return f"\n{heading}\n{fenced(line_kinds(text, most=_MOST_SHOWN))}\n"


def line_kinds(text: str, *, most: int) -> str:
    """The kinds of lines of a text, the rarest first: how often, the first line numbers, and the first line.

    Lines are of one kind if they differ in numbers and quoted texts alone.

    Args:
        text: lines, such as those of a log or a table.
        most: characters of the answer.
    """
    lines = text.splitlines()
    kinds: dict[str, list[int]] = {}
    for number, line in enumerate(lines[:_MOST_READ], 1):
        if line.strip():
            kinds.setdefault(_VARIES.sub("#", line.strip())[:_WIDTH], []).append(number)
    order = sorted(kinds.values(), key=lambda numbers: (len(numbers), numbers[0]))
    rows: list[str] = []
    for numbers in order:
        row = _row(numbers, lines)
        if len(rows) == _MOST_KINDS or sum(map(len, rows)) + len(row) > most:
            rows.append(f"… and {count_of(len(order) - len(rows), 'other kind')}")
            break
        rows.append(row)
    return "\n".join(rows)


def _row(numbers: Sequence[int], lines: Sequence[str]) -> str:
    first = lines[numbers[0] - 1].strip()
    example = first if len(first) <= _WIDTH else f"{first[:_WIDTH]}…"
    at = ", ".join(map(str, numbers[:_MOST_EXAMPLES]))
    more = ", …" if len(numbers) > _MOST_EXAMPLES else ""
    word = "line" if len(numbers) == 1 else "lines"
    return f"{len(numbers)} × ({word} {at}{more})  {example}"
