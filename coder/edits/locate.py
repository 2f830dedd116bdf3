"""Locate a hunk's lines in a file: strictly first, then more leniently; ambiguity means no place.

The steps: verbatim; without trailing blanks and with typographic signs made plain; with the same shift of all
indentations. A search is one `str.find` over a text made once per step and file, so its cost is linear.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from coder.edits.edit import Hunk
from coder.edits.lines import Shift, find_shift

_MOST_PLACES = 50
"""Most places of one hunk that are examined."""
_LEAST_SAID = 12
"""Characters of new lines beyond which a match is no coincidence."""
_NO_END = "\0"
_SIGNS = str.maketrans("‘’‚“”„–—‑−\u00a0\u2009\u202f", "'''\"\"\"----   ")


@dataclass(frozen=True, slots=True)
class HunkPlace:
    """A place of a hunk's old lines in a file."""

    start: int
    end: int
    """Indices of the first line, and of the one behind the last."""
    exact: bool = False
    """Verbatim, including line ends."""
    shift: Shift | None = None
    """How the file's indentation differs from the hunk's."""


@dataclass(frozen=True, slots=True)
class HunkMatch:
    """Places where a hunk fits: the only one, or all that fit equally well."""

    hunk: Hunk
    """The reading that fits."""
    places: tuple[HunkPlace, ...] = ()

    @property
    def place(self) -> HunkPlace | None:
        """The place, if it is unique."""
        return self.places[0] if len(self.places) == 1 else None


def _exactly(line: str) -> str:
    return line[:-1] if line.endswith("\n") else line + _NO_END


def _roughly(line: str) -> str:
    return line.rstrip().translate(_SIGNS)


def _unindented(line: str) -> str:
    return _roughly(line).lstrip()


class Index:
    """A file's lines, indexed for searches."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._texts: dict[str, tuple[str, list[int]]] = {}

    def positions(self, old: Sequence[str], form: Callable[[str], str]) -> list[int]:
        """Indices at which these lines, in this form, occur consecutively."""
        if form.__name__ not in self._texts:
            formed = [form(line) for line in self.lines]
            begins = list(accumulate((len(line) + 1 for line in formed), initial=0))
            self._texts[form.__name__] = _as_text(formed), begins
        text, begins = self._texts[form.__name__]
        needle = _as_text([form(line) for line in old])
        indices: list[int] = []
        at = text.find(needle)
        while at >= 0 and len(indices) < _MOST_PLACES:
            indices.append(bisect_right(begins, at) - 1)
            at = text.find(needle, at + 1)
        return indices

    def below_anchors(self, hunk: Hunk) -> int | None:
        """The line behind a hunk's last anchor: each is unique in the file, or the first below another."""
        below: int | None = None
        for anchor in hunk.anchors:
            indices = [at for at in self.positions([anchor], _unindented) if below is None or at >= below]
            if not indices or (below is None and len(indices) > 1):
                return None
            below = indices[0] + 1
        return below


def _as_text(lines: Sequence[str]) -> str:
    return "".join(f"\n{line}" for line in lines) + "\n"


def locate(index: Index, hunk: Hunk, *, behind: int = 0) -> HunkMatch:
    """Places of a hunk's old lines, by the strictest successful step; `behind`: the previous hunk's end."""
    for form in (_exactly, _roughly, _unindented):
        several = HunkMatch(hunk)
        for reading in (hunk, *hunk.others):
            places = _places(index, reading, form)
            if len(places) > 1:
                places = _hinted(index, reading, places, behind)
            if len(places) == 1:
                return HunkMatch(reading, tuple(places))
            if places and not several.places:
                several = HunkMatch(reading, tuple(places))
        if several.places:
            return several
    return HunkMatch(hunk)


def _places(index: Index, hunk: Hunk, form: Callable[[str], str]) -> list[HunkPlace]:
    """The places of a hunk's old lines, compared in this form."""
    old = hunk.old
    starts = index.positions(old, form) if old else []
    if form is not _unindented:
        return [HunkPlace(at, at + len(old), exact=form is _exactly) for at in starts]
    if hunk.signed or not any(line.strip() for line in old):
        return []  # in a diff, a forgotten sign looks like a shift
    shifts = [(at, find_shift(old, index.lines[at : at + len(old)])) for at in starts]
    return [HunkPlace(at, at + len(old), shift=shift) for at, shift in shifts if shift is not None]


def _hinted(index: Index, hunk: Hunk, places: list[HunkPlace], behind: int) -> list[HunkPlace]:
    """Of several places, the one that the hunk's hints choose; all if they choose none."""
    if hunk.at_end and (last := [place for place in places if place.end == len(index.lines)]):
        return last
    if hunk.line is not None and (there := [place for place in places if place.start == hunk.line - 1]):
        # A hunk without trailing context is searched at the end, whatever its number, as git and patch do.
        opens, ends = hunk.lines[0][0] == " ", hunk.lines[-1][0] != " "
        at_end = places[-1].end == len(index.lines) and places[-1] not in there
        return places if opens and ends and at_end else there
    below = index.below_anchors(hunk)
    if below is not None:
        return [place for place in places if place.start >= below][:1] or places
    if hunk.signed:
        later = [place for place in places if place.start >= behind]
        return later if len(later) == 1 else places
    return places


def place_of_addition(lines: Sequence[str], index: Index, hunk: Hunk) -> HunkPlace | None:
    """Place of added lines without context: in an empty file, at a line number or at the end."""
    if not lines:
        return HunkPlace(0, 0, exact=True)
    if hunk.at_end:
        return HunkPlace(len(lines), len(lines))
    if hunk.line is not None and 0 <= hunk.line <= len(lines):
        return HunkPlace(hunk.line, hunk.line)
    below = index.below_anchors(hunk)
    return HunkPlace(below, below) if below is not None else None


def is_done(index: Index, hunk: Hunk) -> bool:
    """Whether the hunk is already applied: its new lines occur once, and are long enough."""
    old = {line.strip() for line in hunk.old}
    added = [line.strip() for sign, line in hunk.lines if sign == "+" and line.strip() not in old]
    if sum(map(len, added)) < _LEAST_SAID:
        return False
    return len(locate(index, Hunk(tuple((" ", line) for line in hunk.new))).places) == 1
