"""Shown files: the files' part of a prompt, whole files and ranges of lines, within a budget of tokens."""

from collections.abc import Mapping, Sequence

from coder.context.best_places import Place
from coder.context.quoting import Range, fenced, shown_path, tokens, whole_file

_AROUND = 30
"""Lines before and after a named one."""
_HEADING = 40
"""Tokens of the line above an excerpt, with its fence."""


class ShownFiles:
    """The files' part of a prompt as it grows, each file once."""

    def __init__(self, texts: Mapping[str, str], *, budget: int) -> None:
        """Begin with nothing.

        Args:
            texts: of the files that may be shown, by path.
            budget: tokens.
        """
        self.parts: list[str] = []
        self.whole: set[str] = set()
        self.left = self._budget = budget
        self._texts = texts

    def add(
        self,
        places: Sequence[Place],
        *,
        extents: Mapping[Place, Range],
        share: float,
        whole: Mapping[str, float],
    ) -> None:
        """Show files whole, or the lines of their places where a file takes too much.

        Args:
            extents: the lines to show of places of which more is known than one line.
            share: of the budget that excerpts of one file may take.
            whole: the share of each file that may be shown whole.
        """
        by_path: dict[str, list[int]] = {}
        for place in places:
            lines = by_path.setdefault(place.path, [])
            if place.line is not None and place.line not in lines:
                lines.append(place.line)
        for path, lines in by_path.items():
            text = self._texts[path]
            most_whole = min(int(self._budget * whole.get(path, 0)), self.left)
            part = whole_file(path, text) if len(text) <= 6 * most_whole else ""
            if part and tokens(part) <= most_whole:
                self.whole.add(path)
            else:
                wanted = [(line, extents.get(Place(path, line), around(line))) for line in lines]
                part = _excerpts(path, text, wanted, min(int(self._budget * share), self.left))
            if part:
                self.left -= tokens(part)
                self.parts.append(part)


def around(line: int) -> Range:
    """The lines that are shown with one line."""
    return line - _AROUND, line + _AROUND


def _excerpts(path: str, text: str, wanted: Sequence[tuple[int, Range]], budget: int) -> str:
    """The first of these ranges, as many as the budget allows, those that touch joined.

    Their numbers stand above the text, not in it, so that what is copied from it matches the file.

    Args:
        wanted: ranges, each with the line that it is about; without that line it is left out.
    """
    lines = text.splitlines()
    left, kept = budget, list[Range]()
    for line, (first, last) in wanted:
        left -= tokens("\n".join(lines[max(0, first - 1) : last])) + _HEADING
        if left < 0 and kept:
            break
        if 0 < line <= len(lines):
            kept.append((max(1, first), min(len(lines), last)))
    parts: list[str] = []
    for first, last in _joined(kept):
        heading = f"{shown_path(path)}, lines {first} to {last} of {len(lines)}:"
        part = f"\n{heading}\n{fenced(chr(10).join(lines[first - 1 : last]))}\n"
        if tokens(part) <= budget:  # with its fence, which may be long
            budget -= tokens(part)
            parts.append(part)
    return "".join(parts)


def _joined(ranges: Sequence[Range]) -> list[Range]:
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
