"""Replacement: one text of a file by another, where it is there just once. Pure."""

from difflib import SequenceMatcher

from coder.edits.change import Changed
from coder.edits.edit import Hunk
from coder.edits.lines import split_lines, usual_end
from coder.edits.locate import Index, locate
from coder.edits.misses import NOT_THERE, nearest
from coder.edits.syntax import numbered

_MOST_PLACES = 20
"""Lines that are named where a text is there several times."""
_AROUND = 2
_MOST_SHOWN = 6
"""Places of a changed file that are shown."""


def replaced(path: str, text: str, old: str, new: str, *, every: bool = False) -> str:
    """The text of a file with `new` in the place of `old`, which may differ in blanks or indentation.

    Args:
        path: of the file, for messages.
        text: of the file.
        old: where it isn't there word for word, whole lines of it are looked for as those of any edit.
        new: what replaces it.
        every: replace each occurrence; else `old` must be there only once.

    Raises:
        ValueError: it isn't there, or several times; the message is for the model.
    """
    if usual_end(split_lines(text)) == "\r\n" and "\r" not in old + new:
        as_there = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    else:
        as_there = old, new
    numbers = [text.count("\n", 0, at) + 1 for at in _occurrences(text, as_there[0])]
    if len(numbers) == 1 or (numbers and every):
        return text.replace(*as_there)
    changed = Changed(text)
    hunk = Hunk((*(("-", line) for line in _whole_lines(old)), *(("+", line) for line in _whole_lines(new))))
    found = locate(Index(changed.lines), hunk)
    numbers = numbers or [place.start + 1 for place in found.places]
    if len(numbers) > 1:
        raise ValueError(_SEVERAL.format(path=path, lines=", ".join(map(str, numbers[:_MOST_PLACES]))))
    if found.place is None:
        raise ValueError(f"`{path}`: {NOT_THERE}\n{nearest(changed.lines, hunk.old)}".rstrip())
    changed.put(found.hunk, found.place)
    return changed.text()


_SEVERAL = (
    "`{path}`: `old` is there several times, at lines {lines}. Give more of the lines around it, or set "
    "`all` where it is there word for word."
)


def shown_changes(before: str, after: str) -> str:
    """The changed places of a file as it is after an edit, with numbers and some lines around them."""
    lines = split_lines(after)
    groups = SequenceMatcher(None, split_lines(before), lines).get_grouped_opcodes(_AROUND)
    places = [(group[0][3], group[-1][4]) for group in groups]
    more = [f"… and {len(places) - _MOST_SHOWN} more places."] if len(places) > _MOST_SHOWN else []
    return "\n".join([*(numbered(lines, *place) for place in places[:_MOST_SHOWN]), *more])


def _occurrences(text: str, part: str) -> list[int]:
    found: list[int] = []
    at = text.find(part)
    while at >= 0 and len(found) <= _MOST_PLACES:
        found.append(at)
        at = text.find(part, at + 1)
    return found


def _whole_lines(text: str) -> list[str]:
    return [line if line.endswith("\n") else f"{line}\n" for line in split_lines(text)]
