"""Describe edits that don't fit, with the lines of the file that may be meant."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from coder.base.text.sanitize import count_of
from coder.edits.edit import Hunk, Slip
from coder.edits.lines import bare
from coder.edits.syntax import block, numbered

NOT_THERE = "an edit doesn't fit: its lines aren't there."
_AROUND = 2
_LEAST_ALIKE = 0.3
"""Lowest likeness (of 1) of quoted lines."""
_MOST_OF_A_LINE, _MOST_LINES, _MOST_COMPARED = 400, 400, 400
"""Most characters of a line, lines of a hunk and words of a place that are compared."""
_TELLING, _PLACES = 3, 8
"""Longest lines of a hunk whose words find places, and places that are compared."""

_SHOWN_PLACES = 3
"""Places whose lines are quoted where a hunk fits several."""

_WORD = re.compile(r"\w+|[^\w\s]")


def miss(path: str, hunk: Hunk, why: str, near: str = "") -> Slip:
    """Describe a hunk that was not applied."""
    old = [bare(line) for line in hunk.old]
    quoted = f"The lines to be replaced were:\n{block(old)}" if old else ""
    return Slip(f"`{path}`: {why}", path, lines=quoted, near=near)


def gist(misses: Sequence[Slip], *, others: int = 0) -> str:
    """The first miss in a sentence, and the number of others."""
    more = len(misses) + others - 1
    return f"{misses[0].text} (and {more} more)" if more else misses[0].text


def reported(misses: Sequence[Slip], *, others: int = 0, changed_files: Sequence[str] = ()) -> str:
    """The message about an answer with edits that were not made.

    Args:
        others: number of edits besides the misses that were not made.
        changed_files: files in which the other edits were made.
    """
    parts = [f"{i}. {_described(one)}" for i, one in enumerate(misses, start=1)]
    if others:
        why = "do not fit either" if changed_files else "not tried after these"
        parts.append(f"{count_of(others, 'more edit')} of your answer: {why}.")
    listing = "\n".join(parts)
    if changed_files:
        paths = ", ".join(f"`{path}`" for path in changed_files)
        return (
            f"Some of your edits could not be made. All others are made, in {paths}.\n{listing}\n"
            "Answer with these edits alone, each with lines that are in the file word for word."
        )
    return (
        "Your edits could not be made, so none of them was: the files are as they were.\n"
        f"{listing}\n"
        "Answer with all of your edits again, each with lines that are in the file word for word."
    )


def _described(one: Slip) -> str:
    quoted = "\n".join(filter(None, [one.lines, one.near]))
    return f"{one.text} {quoted}".rstrip()


def around(lines: Sequence[str], places: Sequence[range]) -> str:
    """The file's lines at the first few of these places, and a few lines around each."""
    excerpts = [numbered(lines, at.start - _AROUND, at.stop + _AROUND) for at in places[:_SHOWN_PLACES]]
    return "\n".join(["The file's lines there are:", *excerpts])


def nearest(lines: Sequence[str], old: Sequence[str]) -> str:
    """The file's lines most similar to others, or empty text; takes time linear in the file."""
    there, wanted = _stripped(lines), _stripped(old[:_MOST_LINES])
    if not any(wanted) or not there:
        return ""
    shared: Counter[int] = Counter()
    for offset in sorted(range(len(wanted)), key=lambda i: len(wanted[i]))[-_TELLING:]:
        words = set(wanted[offset].split())
        for i, line in enumerate(there):
            shared[max(0, i - offset)] += len(words.intersection(line.split()))
    size = len(wanted)
    alike = {at: _likeness(there[at : at + size], wanted) for at, _ in shared.most_common(_PLACES)}
    best = max(sorted(alike), key=alike.__getitem__)
    if alike[best] < _LEAST_ALIKE:
        return ""
    return f"The nearest lines of the file are:\n{numbered(lines, best - _AROUND, best + size + _AROUND)}"


def _stripped(lines: Sequence[str]) -> list[str]:
    return [line.strip()[:_MOST_OF_A_LINE] for line in lines]


def _likeness(there: Sequence[str], wanted: Sequence[str]) -> float:
    # A comparison of characters takes seconds for each miss.
    one, other = (_WORD.findall("\n".join(side))[:_MOST_COMPARED] for side in (there, wanted))
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
