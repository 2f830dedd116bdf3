"""Locate a hunk's lines in a file, first strictly, then leniently; an ambiguous hunk has no place.

The steps: verbatim; without trailing blanks, typographic characters and what can't be seen; with a constant
shift of indentation, or tabs for blanks.
A search is one `str.find` in a text that is built once per step and file, so it takes linear time.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from unicodedata import category, normalize

from coder.edits.edit import Hunk
from coder.edits.lines import Shift, Tabs, bare, end_of, find_shift, find_tabs

_MAX_PLACES = 50
"""Maximum places of one hunk to examine."""
_NUMBERED = re.compile(r"[ ]*(\d+)(?:\|[ ]?|\t|→|: )")
"""The number of a line as listings show it: ours, and those of `cat -n` and other agents."""
_MIN_ADDED = 12
"""A match of new lines with fewer characters may be a coincidence."""


class _PlainCharacters(dict[int, int | str | None]):
    """Characters of a keyboard by the typographic ones, for `str.translate`; invisible ones are removed."""

    def __missing__(self, code: int) -> int | str | None:
        plain = self[code] = _OF_CATEGORIES.get(category(chr(code)), chr(code))
        return plain


_OF_CATEGORIES = {"Cf": None, "Zs": " ", "Pd": "-"}
"""Formats, blanks and dashes, by Unicode's general category."""
_PLAIN_CHARACTERS = _PlainCharacters(str.maketrans("‘’‚“”„−", "'''\"\"\"-", "\ufe0e\ufe0f"))


@dataclass(frozen=True, slots=True)
class HunkPlace:
    """A place of a hunk's old lines in a file."""

    start: int
    end: int
    """Indices of the first line, and of the line after the last."""
    exact: bool = False
    """Whether the lines match verbatim, including line ends."""
    shift: Shift | Tabs | None = None
    """How the file's indentation differs from the hunk's."""


@dataclass(frozen=True, slots=True)
class HunkMatch:
    """The places where a hunk fits: one place, or all that fit equally well."""

    hunk: Hunk
    """The hunk or alternative reading that fits."""
    places: tuple[HunkPlace, ...] = ()

    @property
    def place(self) -> HunkPlace | None:
        """The place if it is unique, else None."""
        return self.places[0] if len(self.places) == 1 else None


def _exactly(line: str) -> str:
    return bare(line)


def _roughly(line: str) -> str:
    return line.rstrip() if line.isascii() else normalize("NFC", line.translate(_PLAIN_CHARACTERS)).rstrip()


def _unindented(line: str) -> str:
    return _roughly(line).lstrip()


class Index:
    """A file's lines, indexed for searches."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._texts: dict[str, tuple[str, list[int]]] = {}

    def positions(self, old: Sequence[str], form: Callable[[str], str]) -> list[int]:
        """Return the indices at which these lines occur, compared after conversion by `form`."""
        if form.__name__ not in self._texts:
            converted = [form(line) for line in self.lines]
            starts = list(accumulate((len(line) + 1 for line in converted), initial=0))
            self._texts[form.__name__] = _as_text(converted), starts
        text, starts = self._texts[form.__name__]
        needle = _as_text([form(line) for line in old])
        indices: list[int] = []
        position = text.find(needle)
        while position >= 0 and len(indices) < _MAX_PLACES:
            indices.append(bisect_right(starts, position) - 1)
            position = text.find(needle, position + 1)
        return indices

    def below_anchors(self, hunk: Hunk) -> int | None:
        """Return the line after a hunk's last anchor; each anchor is unique, or the first below another."""
        next_line: int | None = None
        for anchor in hunk.anchors:
            indices = [
                index
                for index in self.positions([anchor], _unindented)
                if next_line is None or index >= next_line
            ]
            if not indices or (next_line is None and len(indices) > 1):
                return None
            next_line = indices[0] + 1
        return next_line


def _as_text(lines: Sequence[str]) -> str:
    return "".join(f"\n{line}" for line in lines) + "\n"


def locate(index: Index, hunk: Hunk, *, previous_end: int = 0) -> HunkMatch:
    """Return the places of a hunk's old lines by the strictest step that succeeds."""
    ends_file = hunk.at_end or (hunk.signed and not "".join(hunk.old[-1:]).endswith("\n"))
    if ends_file and (match := _at_file_end(index, hunk)) is not None:
        return match
    for readings in ((hunk, *hunk.others), _without_blank_edges(hunk), _without_numbers(hunk)):
        for form in (_exactly, _roughly, _unindented):
            ambiguous = HunkMatch(hunk)
            for reading in readings:
                places = _places(index, reading, form)
                if len(places) > 1:
                    places = _apply_hints(index, reading, places, previous_end)
                if len(places) == 1:
                    return HunkMatch(reading, tuple(places))
                if places and not ambiguous.places:
                    ambiguous = HunkMatch(reading, tuple(places))
            if ambiguous.places:
                return ambiguous
    return HunkMatch(hunk)


def _at_file_end(index: Index, hunk: Hunk) -> HunkMatch | None:
    """Return the place of a hunk that ends with the file, by the strictest step; None elsewhere."""
    for form in (_exactly, _roughly, _unindented):
        for reading in (hunk, *hunk.others):
            places = [place for place in _places(index, reading, form) if place.end == len(index.lines)]
            if places:
                return HunkMatch(reading, tuple(places))
    return None


def _without_blank_edges(hunk: Hunk) -> tuple[Hunk, ...]:
    """Return a block without the blank line that begins it, that ends it, and without both."""
    if hunk.signed:
        return ()
    first, last, both = _without_blank(hunk, 0), _without_blank(hunk, -1), None
    if first is not None and last is not None:
        both = _without_blank(first, -1)
    return tuple(shorter for shorter in (first, last, both) if shorter is not None)


def _without_numbers(hunk: Hunk) -> tuple[Hunk, ...]:
    """Return a block without the numbers of a listing, if each old line has one, rising by 1.

    New lines have them all, or none.
    """
    old = [_NUMBERED.match(line) for line in hunk.old]
    added = [_NUMBERED.match(line) for sign, line in hunk.lines if sign == "+"]
    numbers = [int(match[1]) for match in old if match is not None]
    is_listing = bool(old) and None not in old and numbers == [*range(numbers[0], numbers[0] + len(old))]
    if hunk.signed or not is_listing or (None in added and any(added)):
        return ()
    has_numbers = None not in added
    lines = (
        (sign, _NUMBERED.sub("", line, count=1) if sign != "+" or has_numbers else line)
        for sign, line in hunk.lines
    )
    return (replace(hunk, lines=tuple(lines), others=()),)


def _without_blank(hunk: Hunk, edge: int) -> Hunk | None:
    """Return a hunk without its first (0) or last (-1) line, if that is blank and others aren't."""
    old, new = (
        [at for at, (sign, _) in enumerate(hunk.lines) if (sign == "+") == is_new] for is_new in (False, True)
    )
    if not any(line.strip() for line in hunk.old) or hunk.lines[old[edge]][1].strip():
        return None
    dropped = {old[edge]}
    if hunk.lines[old[edge]][0] == "-" and new and not hunk.lines[new[edge]][1].strip():
        dropped.add(new[edge])
    lines = tuple(line for at, line in enumerate(hunk.lines) if at not in dropped)
    return replace(hunk, lines=lines, others=())


def _places(index: Index, hunk: Hunk, form: Callable[[str], str]) -> list[HunkPlace]:
    """Return the places of a hunk's old lines, compared after conversion by `form`."""
    old_lines = hunk.old
    starts = index.positions(old_lines, form) if old_lines else []
    if form is not _unindented:
        places = [HunkPlace(start, start + len(old_lines)) for start in starts]
        return [replace(at, exact=form is _exactly and _ends_alike(index, at, old_lines)) for at in places]
    if not any(line.strip() for line in old_lines):
        return []
    places = []
    for start in starts:
        there = index.lines[start : start + len(old_lines)]
        shift = None if hunk.signed else find_shift(old_lines, there)  # in a diff, so looks a missing sign
        if (found := shift or find_tabs(old_lines, there)) is not None:
            places.append(HunkPlace(start, start + len(old_lines), shift=found))
    return places


def _ends_alike(index: Index, place: HunkPlace, old_lines: Sequence[str]) -> bool:
    """Whether the lines at a place have the line ends of the answer's."""
    return [*map(end_of, index.lines[place.start : place.end])] == [*map(end_of, old_lines)]


def _apply_hints(index: Index, hunk: Hunk, places: list[HunkPlace], previous_end: int) -> list[HunkPlace]:
    """Return the place that the hunk's hints choose from several, or all if they choose none."""
    if hunk.line is not None and (at_number := [place for place in places if place.start == hunk.line - 1]):
        # A hunk without trailing context may belong to the end despite its number, as in git and patch.
        has_leading_context, has_no_trailing_context = hunk.lines[0][0] == " ", hunk.lines[-1][0] != " "
        fits_at_end = places[-1].end == len(index.lines) and places[-1] not in at_number
        return places if has_leading_context and has_no_trailing_context and fits_at_end else at_number
    anchor_line = index.below_anchors(hunk)
    if anchor_line is not None:
        return [place for place in places if place.start >= anchor_line][:1] or places
    if hunk.signed:
        later_places = [place for place in places if place.start >= previous_end]
        return later_places if len(later_places) == 1 else places
    return places


def place_of_addition(lines: Sequence[str], index: Index, hunk: Hunk) -> HunkPlace | None:
    """Return the place of added lines without context: in an empty file, at a line number or at the end."""
    if not lines:
        return HunkPlace(0, 0, exact=True)
    if hunk.at_end:
        return HunkPlace(len(lines), len(lines))
    if hunk.line is not None and 0 <= hunk.line <= len(lines):
        return HunkPlace(hunk.line, hunk.line)
    anchor_line = index.below_anchors(hunk)
    return HunkPlace(anchor_line, anchor_line) if anchor_line is not None else None


def is_done(index: Index, hunk: Hunk) -> bool:
    """Whether the hunk is already applied: its new lines occur once, and are long enough."""
    old_lines = {line.strip() for line in hunk.old}
    added_lines = [line.strip() for sign, line in hunk.lines if sign == "+" and line.strip() not in old_lines]
    if sum(map(len, added_lines)) < _MIN_ADDED:
        return False
    return len(locate(index, Hunk(tuple((" ", line) for line in hunk.new))).places) == 1


def is_made(index: Index, original: Index, hunk: Hunk, place: HunkPlace) -> bool:
    """Whether a hunk that still fits was applied at this place before, such as a line added above another.

    Args:
        index: the file as it is now.
        original: the file before the model's work.
        place: where the hunk's old lines are now.
    """
    if len(hunk.new) <= len(hunk.old):
        return False  # its result can't hold all old lines and more
    result = Hunk(tuple((" ", line) for line in hunk.new))
    for form in (_exactly, _roughly, _unindented):
        places = _places(index, result, form)
        if any(at.start <= place.start and place.end <= at.end for at in places):
            return len(places) > len(_places(original, result, form))
    return False
