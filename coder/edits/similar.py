"""Similar: the lines of a file that a hunk most likely means, where it isn't there as it says.

Lines that are the same in both vote for a place; only the places with most votes are compared, so that it
takes no longer than the file is long.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from coder.edits.edit import Hunk
from coder.edits.lines import bare, find_shift
from coder.edits.locate import Place

LEAST = 0.9
"""Of 1, how alike a place must be to be taken for the one that is meant."""
_AHEAD = 0.05
"""How much less alike every other place must be."""
_LEAST_LINES = 3
"""A hunk of fewer lines says too little."""
_MOST_LINES = 400
_MOST_OF_A_LINE = 400
"""Characters of a line that are compared."""
_COMMON = 200
"""A line that a file holds more often says nothing about a place."""
_COMPARED = 8
_DEFINES = re.compile(
    r"\b(?:def|class|func|function|fn|struct|enum|union|trait|interface|impl|module|macro|type|sub)\s+(\w+)"
)


@dataclass(frozen=True, slots=True)
class Near:
    """Lines that are like those of a hunk."""

    start: int
    end: int
    """Indices of the first line, and of the one behind the last."""
    likeness: float


def nearest(lines: Sequence[str], old: Sequence[str]) -> list[Near]:
    """The places most like these lines, the most alike first; empty where nothing is alike."""
    wanted = [line.strip() for line in old[:_MOST_LINES]]
    if not any(wanted) or not lines:
        return []
    where: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        where.setdefault(line.strip(), []).append(i)
    votes = _votes(where, wanted) or _votes_of_likes(where, wanted)
    most = max(0, len(lines) - len(wanted))
    starts = {min(max(at, 0), most) for at, _ in votes.most_common(_COMPARED)}
    found = [
        Near(at, min(at + len(old), len(lines)), _likeness(lines[at : at + len(wanted)], wanted))
        for at in sorted(starts)
    ]
    return sorted(found, key=lambda near: -near.likeness)


def similar_place(lines: Sequence[str], old: Sequence[str]) -> Place | None:
    """The one place that is so like a hunk's old lines that it must be meant; None where that isn't sure."""
    written = [line for line in old if line.strip()]
    if len(written) < _LEAST_LINES or len(old) > _MOST_LINES:
        return None
    places = nearest(lines, old)
    if not places or places[0].likeness < LEAST or places[0].end - places[0].start != len(old):
        return None
    if len(places) > 1 and places[1].likeness > places[0].likeness - _AHEAD:
        return None
    best = places[0]
    there = lines[best.start : best.end]
    if any(_defined(a) != _defined(b) for a, b in zip(old, there, strict=True)):
        return None  # another function, however like it is
    same = [(a, b) for a, b in zip(old, there, strict=True) if a.strip() and a.strip() == b.strip()]
    if 2 * len(same) < len(written):
        return None
    shift = find_shift([a for a, _ in same], [b for _, b in same])
    return Place(best.start, best.end, shift=shift) if shift is not None else None


def _defined(line: str) -> str | None:
    """The name that a line defines, in whatever language; None where it defines none."""
    found = _DEFINES.search(line[:_MOST_OF_A_LINE])
    return found[1] if found is not None else None


def _votes(where: Mapping[str, list[int]], wanted: Sequence[str]) -> Counter[int]:
    votes: Counter[int] = Counter()
    for i, line in enumerate(wanted):
        places = where.get(line, []) if line else []
        if len(places) <= _COMMON:
            votes.update(at - i for at in places)
    return votes


def _votes_of_likes(where: Mapping[str, list[int]], wanted: Sequence[str]) -> Counter[int]:
    """Votes by lines that are only alike: by the words of the longest line."""
    i = max(range(len(wanted)), key=lambda i: len(wanted[i]))
    words = set(wanted[i].split())
    shared: Counter[int] = Counter()
    for line, places in where.items():
        common = len(words.intersection(line.split()))
        if common and len(places) <= _COMMON:
            shared.update({at - i: common for at in places})
    return shared


def _likeness(there: Sequence[str], wanted: Sequence[str]) -> float:
    """How alike lines are, one to one, longer ones counting more; 1 is the same but for indentation."""
    total = sum(len(line) + 1 for line in wanted)
    alike = 0.0
    for own, line in zip(there, wanted, strict=False):
        own = own.strip()
        if own == line:
            alike += len(line) + 1
        elif own and line:
            matcher = SequenceMatcher(None, own[:_MOST_OF_A_LINE], line[:_MOST_OF_A_LINE], autojunk=False)
            alike += (len(line) + 1) * matcher.ratio()
    return alike / total


_LEAST = 8
"""Characters that can't stand in a line by chance."""
_MOST = 1_000


def within_a_line(lines: Sequence[str], hunk: Hunk) -> tuple[int, Hunk] | None:
    """The only line that a hunk's one old line is a part of, and the hunk of that whole line.

    None where there is none, or where more than one could be meant.
    """
    if [sign for sign, _ in hunk.lines] != ["-", "+"]:
        return None
    old, new = (bare(line).strip() for _, line in hunk.lines)
    if not _LEAST <= len(old) <= _MOST:
        return None
    places = [i for i, line in enumerate(lines) if old in line]
    if len(places) != 1 or lines[places[0]].count(old) != 1:
        return None
    line = lines[places[0]]
    before, _, behind = line.partition(old)
    if _is_in_a_word(before[-1:], old[0]) or _is_in_a_word(old[-1], behind[:1]):
        return None
    return places[0], Hunk((("-", line), ("+", before + new + behind)))


def _is_in_a_word(one: str, other: str) -> bool:
    """Whether there is no border between two characters that stand side by side."""
    return (one.isalnum() or one == "_") and (other.isalnum() or other == "_")
