"""Within: an edit of a part of one line, where edits are meant to be of whole lines."""

from collections.abc import Sequence

from coder.edits.edit import Hunk
from coder.edits.lines import bare

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
