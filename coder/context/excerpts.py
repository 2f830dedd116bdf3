"""Files as a prompt shows them: whole where there is room, else the lines around the named ones."""

from collections.abc import Sequence

from coder.context.best_places import Place
from coder.context.quoting import fenced, shown_path, tokens

AROUND = 30
"""Lines before and after a named one."""
Range = tuple[int, int]
"""First and last line, from 1."""


def excerpts(path: str, text: str, lines: Sequence[int], *, budget: int) -> str:
    """The lines around the named ones, as many as the budget allows; empty where it allows none."""
    return ranges(path, text, [around(line) for line in lines], budget=budget, named=lines)


def around(line: int) -> Range:
    """What is shown with one line."""
    return line - AROUND, line + AROUND


def ranges(
    path: str, text: str, wanted: Sequence[Range], *, budget: int, named: Sequence[int] | None = None
) -> str:
    """Some ranges of lines, those that touch joined, as many as the budget allows.

    Their numbers stand above, not in the text, so that what is copied from it is found in the file again.

    Args:
        named: for each range the line that it is about: without that line there is nothing to show.
    """
    every = text.splitlines()
    about = named if named is not None else [first for first, _ in wanted]
    there = [pair for pair, line in zip(wanted, about, strict=True) if 0 < line <= len(every)]
    parts: list[str] = []
    left = budget
    for first, last in _joined(there, len(every)):
        heading = f"{shown_path(path)}, lines {first} to {last} of {len(every)}:"
        part = f"\n{heading}\n{fenced(chr(10).join(every[first - 1 : last]))}\n"
        cost = tokens(part)  # with its fence, which may be long
        if cost > left:
            continue
        left -= cost
        parts.append(part)
    return "".join(parts)


def lines_by_path(places: Sequence[Place]) -> dict[str, list[int]]:
    """The named lines of each file, in the order in which the files were named."""
    lines: dict[str, list[int]] = {}
    for place in places:
        named = lines.setdefault(place.path, [])
        if place.line is not None and place.line not in named:
            named.append(place.line)
    return lines


def _joined(wanted: Sequence[Range], count: int) -> list[Range]:
    """Ranges within a file of so many lines, those that touch joined, in order."""
    joined: list[Range] = []
    for first, last in sorted((max(1, first), min(count, last)) for first, last in wanted):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
