"""Files as a prompt shows them: whole where there is room, else the lines around the named ones."""

from collections.abc import Sequence
from itertools import pairwise

from coder.context.places import Place
from coder.context.quoting import fenced, shown_path, tokens

AROUND = 30
"""Lines before and after a named one."""
_BESIDE = 40
"""Tokens of the words around an excerpt."""


def whole_file(path: str, text: str) -> str:
    """A file in full."""
    return f"\n{shown_path(path)}:\n{fenced(text.rstrip())}\n"


def excerpts(path: str, text: str, lines: Sequence[int], *, budget: int) -> str:
    """The lines around the named ones, as many as the budget allows; empty where it allows none.

    Their numbers stand above, not in the text, so that what is copied from it is found in the file again.
    """
    every = text.splitlines()
    parts: list[str] = []
    left = budget
    for first, last in _ranges([line for line in lines if 0 < line <= len(every)], len(every)):
        part = "\n".join(every[first - 1 : last])
        cost = tokens(part) + _BESIDE
        if cost > left:
            continue
        left -= cost
        heading = f"{shown_path(path)}, lines {first} to {last} of {len(every)}:"
        parts.append(f"\n{heading}\n{fenced(part)}\n")
    return "".join(parts)


def lines_by_path(places: Sequence[Place]) -> dict[str, list[int]]:
    """The named lines of each file, in the order in which the files were named."""
    lines: dict[str, list[int]] = {}
    for place in places:
        named = lines.setdefault(place.path, [])
        if place.line is not None and place.line not in named:
            named.append(place.line)
    return lines


def _ranges(lines: Sequence[int], count: int) -> list[tuple[int, int]]:
    """First and last line around each, those that touch joined; in order of the file."""
    around = [(max(1, line - AROUND), min(count, line + AROUND)) for line in sorted(set(lines))]
    ranges = around[:1]
    for _, (first, last) in pairwise(around):
        if first <= ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], last
        else:
            ranges.append((first, last))
    return ranges
