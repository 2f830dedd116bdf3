"""Shown files: the files' part of a prompt, whole files and excerpts, within a budget of tokens."""

from collections.abc import Iterable, Mapping, Sequence

from coder.context.best_places import Place
from coder.context.excerpts import Range, around, lines_by_path, ranges
from coder.context.quoting import tokens, whole_file

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
        self._seen: set[str] = set()

    def add(
        self,
        places: Sequence[Place],
        *,
        extents: Mapping[Place, Range],
        share: float,
        whole: Mapping[str, float] | None = None,
    ) -> None:
        """Show files whole, or the lines of their places where a file takes too much.

        Args:
            extents: the lines to show of places of which more is known than one line.
            share: of the budget that one file may take.
            whole: the same for each file that may be shown whole; None: for all.
        """
        for path, lines in lines_by_path(places).items():
            most = min(int(self._budget * share), self.left)
            most_whole = most if whole is None else min(int(self._budget * whole.get(path, 0)), self.left)
            if path in self._seen or self._add_whole(path, most_whole):
                continue
            wanted = [extents.get(Place(path, line), around(line)) for line in lines]
            part = _excerpts(path, self._texts[path], wanted, lines, most)
            if part:
                self._add(path, part)

    def fill(self, paths: Iterable[str]) -> None:
        """Show further files whole, as many as there is room for."""
        for path in paths:
            if path not in self._seen:
                self._add_whole(path, self.left)

    def _add_whole(self, path: str, most: int) -> bool:
        text = self._texts[path]
        part = whole_file(path, text) if len(text) <= 6 * most else ""
        if not part or tokens(part) > most:
            return False
        self.whole.add(path)
        self._add(path, part)
        return True

    def _add(self, path: str, part: str) -> None:
        self._seen.add(path)
        self.left -= tokens(part)
        self.parts.append(part)


def _excerpts(path: str, text: str, wanted: Sequence[Range], named: Sequence[int], budget: int) -> str:
    """The first of these ranges, as many as the budget allows."""
    lines = text.splitlines()
    left, kept = budget, 0
    for first, last in wanted:
        left -= tokens("\n".join(lines[max(0, first - 1) : last])) + _HEADING
        if left < 0:
            break
        kept += 1
    return ranges(path, text, wanted[: max(1, kept)], budget=budget, named=named[: max(1, kept)])
