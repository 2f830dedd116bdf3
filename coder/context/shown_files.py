"""The files' part of a prompt: whole files and ranges of lines, within a budget of tokens."""

from collections.abc import Mapping, Sequence

from coder.context.best_places import QuotedPlace
from coder.context.docstrings import without_docstrings
from coder.context.line_kinds import kinds_shown
from coder.context.quoting import Range, depth_of, fenced, shown_path, tokens, whole_file
from coder.source.named_sources import is_source

_AROUND = 30
"""Lines before and after a named one."""
_OF_ONE_FILE = 0.7
"""Share of the budget that excerpts of one file may take."""
_HEADING = 40
"""Tokens of the line above an excerpt, with its fence."""
_GAP = 3
"""Lines between two excerpts that cost less than a heading of their own."""


def show_files(
    texts: Mapping[str, str],
    places: Sequence[QuotedPlace],
    *,
    extents: Mapping[QuotedPlace, Range],
    whole: Mapping[str, float],
    budget: int,
) -> tuple[str, dict[str, set[int]]]:
    """Show whole files, or lines of large ones; returns the text and the visible lines by path.

    Args:
        extents: lines to show for a place.
        whole: share of the budget that a whole file may take.
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
        most_whole = min(int(budget * whole.get(path, 0)), room)
        part = whole_file(path, texts[path]) if len(texts[path]) <= 6 * most_whole else ""
        if part and tokens(part) <= most_whole:
            visible_lines[path] = set(range(1, len(texts[path].splitlines()) + 1))
        else:
            wanted = [(n, extents.get(QuotedPlace(path, n), (n - _AROUND, n + _AROUND))) for n in lines]
            excerpts = _excerpts(path, texts[path], wanted, min(int(budget * _OF_ONE_FILE), room))
            visible_lines[path] = {n for first, last in excerpts for n in range(first, last + 1)}
            part = "".join(excerpts.values())
            if not part and path in whole and not lines and not is_source(path):
                part = kinds_shown(path, texts[path])
                part = part if tokens(part) <= room else ""
        room -= tokens(part) if part else 0
        parts.append(part)
    return "".join(parts), visible_lines


def _excerpts(path: str, text: str, wanted: Sequence[tuple[int, Range]], budget: int) -> dict[Range, str]:
    """Join as many of these ranges, each with its main line, as the budget allows.

    Line numbers stand in the heading, so that text copied from an excerpt matches the file.
    """
    lines = text.splitlines()
    room, kept = budget, list[Range]()
    for line, (first, last) in wanted:
        room -= tokens(_quoted(path, lines, max(1, first), min(len(lines), last))) + _HEADING
        if room < 0 and kept:
            break
        if 0 < line <= len(lines):
            kept.append((max(1, first), min(len(lines), last)))
    parts: dict[Range, str] = {}
    joined = _joined(kept)
    for first, last in joined:
        end = _end(lines, first, last)
        if first == last < end and not any(first < begin <= end for begin, _ in joined):
            continue  # the first line of a definition alone tells no more than the map
        more = f" (the definition ends at line {end})" if end > last else ""
        heading = f"{shown_path(path)}, lines {first} to {last} of {len(lines)}{more}:"
        part = f"\n{heading}\n{fenced(_quoted(path, lines, first, last))}\n"
        if tokens(part) <= budget:  # with its fence, which may be long
            budget -= tokens(part)
            parts[first, last] = part
    return parts


def _quoted(path: str, lines: Sequence[str], first: int, last: int) -> str:
    if path.endswith(".py"):
        return without_docstrings(lines, first, last)
    return "\n".join(lines[first - 1 : last])


def _end(lines: Sequence[str], first: int, last: int) -> int:
    """The last line that is indented below the first one, behind a range; its own last where none follows."""
    depth, end = depth_of(lines[first - 1]), last
    for n, line in enumerate(lines[last:], last + 1):
        is_closing = end > last and line.lstrip().startswith((")", "]", "}")) and depth_of(line) == depth
        if line.strip() and depth_of(line) <= depth and not is_closing:
            break
        end = n if line.strip() else end
    return end


def _joined(ranges: Sequence[Range]) -> list[Range]:
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1 + _GAP:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
