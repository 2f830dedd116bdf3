"""Write the files' section of a prompt: whole files and ranges of lines, within a budget of tokens."""

from collections.abc import Mapping, Sequence

from coder.context.best_places import QuotedPlace
from coder.context.docstrings import without_docstrings
from coder.context.line_kinds import kinds_shown
from coder.context.quoting import Range, depth_of, fenced, shown_path, tokens, whole_file
from coder.source.named_sources import is_source

_LINES_AROUND = 30
"""Lines to show before and after a named line."""
_FILE_SHARE = 0.7
"""Share of the budget for excerpts of one file."""
_HEADING_TOKENS = 40
"""Tokens of an excerpt's heading and fence."""
_MAX_GAP = 3
"""Excerpts with fewer lines between them are joined, which costs less than another heading."""


def show_files(
    texts: Mapping[str, str],
    places: Sequence[QuotedPlace],
    *,
    extents: Mapping[QuotedPlace, Range],
    whole_shares: Mapping[str, float],
    budget: int,
) -> tuple[str, dict[str, set[int]]]:
    """Show whole files, or excerpts of large ones; return the text and the visible lines by path.

    Args:
        extents: lines to show for a place.
        whole_shares: share of the budget that a whole file may take.
        budget: tokens.
    """
    by_path: dict[str, list[int]] = {}
    for place in places:
        lines = by_path.setdefault(place.path, [])
        if place.line is not None and place.line not in lines:
            lines.append(place.line)
    room = budget
    parts: list[str] = []
    visible_lines: dict[str, set[int]] = {}
    for path, lines in by_path.items():
        most_whole = min(int(budget * whole_shares.get(path, 0)), room)
        part = whole_file(path, texts[path]) if len(texts[path]) <= 6 * most_whole else ""
        if part and tokens(part) <= most_whole:
            visible_lines[path] = set(range(1, len(texts[path].splitlines()) + 1))
        else:
            ranges = [
                (
                    number,
                    extents.get(QuotedPlace(path, number), (number - _LINES_AROUND, number + _LINES_AROUND)),
                )
                for number in lines
            ]
            excerpts = _excerpts(path, texts[path], ranges, min(int(budget * _FILE_SHARE), room))
            visible_lines[path] = {number for first, last in excerpts for number in range(first, last + 1)}
            part = "".join(excerpts.values())
            if not part and path in whole_shares and not lines and not is_source(path):
                part = kinds_shown(path, texts[path])
                part = part if tokens(part) <= room else ""
        room -= tokens(part) if part else 0
        parts.append(part)
    return "".join(parts), visible_lines


def _excerpts(path: str, text: str, ranges: Sequence[tuple[int, Range]], budget: int) -> dict[Range, str]:
    """Return excerpts for these ranges, each given with its main line, as far as the budget allows.

    Line numbers are only in the heading, so that text copied from an excerpt matches the file.
    """
    lines = text.splitlines()
    room, affordable_ranges = budget, list[Range]()
    for line, (first, last) in ranges:
        room -= tokens(_quoted(path, lines, max(1, first), min(len(lines), last))) + _HEADING_TOKENS
        if room < 0 and affordable_ranges:
            break
        if 0 < line <= len(lines):
            affordable_ranges.append((max(1, first), min(len(lines), last)))
    parts: dict[Range, str] = {}
    joined_ranges = _join_ranges(affordable_ranges)
    for first, last in joined_ranges:
        end = _end(lines, first, last)
        if first == last < end and not any(first < begin <= end for begin, _ in joined_ranges):
            continue  # the first line of a definition is on the map, too
        note = f" (the definition ends at line {end})" if end > last else ""
        heading = f"{shown_path(path)}, lines {first} to {last} of {len(lines)}{note}:"
        part = f"\n{heading}\n{fenced(_quoted(path, lines, first, last))}\n"
        if tokens(part) <= budget:  # including the fence, which may be long
            budget -= tokens(part)
            parts[first, last] = part
    return parts


def _quoted(path: str, lines: Sequence[str], first: int, last: int) -> str:
    if path.endswith(".py"):
        return without_docstrings(lines, first, last)
    return "\n".join(lines[first - 1 : last])


def _end(lines: Sequence[str], first: int, last: int) -> int:
    """Return the last line of the definition that begins at `first`, or `last` if it ends before."""
    depth, end = depth_of(lines[first - 1]), last
    for number, line in enumerate(lines[last:], last + 1):
        is_closing = end > last and line.lstrip().startswith((")", "]", "}")) and depth_of(line) == depth
        if line.strip() and depth_of(line) <= depth and not is_closing:
            break
        end = number if line.strip() else end
    return end


def _join_ranges(ranges: Sequence[Range]) -> list[Range]:
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1 + _MAX_GAP:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged
