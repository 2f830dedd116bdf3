"""Misses: the edits of an answer that don't fit, in words, with the lines of the file that may be meant."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from coder.edits.edit import Hunk, Slip
from coder.edits.lines import bare
from coder.edits.syntax import block, numbered
from coder.text.sanitize import count_of

_AROUND = 2
_LEAST_ALIKE = 0.3
"""Of 1, for lines that are quoted as those that may be meant."""
_MOST_LINES = 400
"""Lines of a hunk that are compared."""
_MOST_OF_A_LINE = 400
"""Characters of a line that are compared."""
_COMMON = 200
"""A line that a file holds more often says nothing about a place."""
_COMPARED = 8
"""Places that are compared in full."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A hunk that was not put in, and why."""

    path: str
    hunk: Hunk
    why: str
    near: str = ""
    """Lines of the file, with their numbers."""
    line: int = 1
    """The line of the file, from 1, near which it may belong."""

    @property
    def text(self) -> str:
        """In words for the model."""
        said = self.gist
        if self.hunk.old:
            quoted = block([bare(line) for line in self.hunk.old])
            said += f" The lines to be replaced were:\n{quoted}"
        return f"{said}\n{self.near}".rstrip()

    @property
    def gist(self) -> str:
        """The same without lines."""
        return f"`{self.path}`: {self.why}"


def not_there(path: str, lines: Sequence[str], hunk: Hunk) -> Miss:
    """A hunk whose lines aren't in a file, with the lines that are most like them."""
    why = "an edit doesn't fit: its lines aren't there."
    start, alike = _nearest(lines, hunk.old)
    if alike < _LEAST_ALIKE:
        return Miss(path, hunk, why, line=hunk.line or 1)
    near = numbered(lines, start - _AROUND, start + len(hunk.old) + _AROUND)
    return Miss(path, hunk, why, near=f"The nearest lines of the file are:\n{near}", line=start + 1)


def missed_lines(misses: Sequence[Miss | Slip]) -> dict[str, tuple[int, ...]]:
    """By path, the lines, from 1, near which edits that don't fit may belong."""
    found: dict[str, tuple[int, ...]] = {}
    for miss in misses:
        if miss.path is not None:
            line = (miss.line,) if isinstance(miss, Miss) else ()
            found[miss.path] = (*found.get(miss.path, ()), *line)
    return found


def gist(misses: Sequence[Miss | Slip], *, others: int = 0) -> str:
    """The first miss in a sentence, and how many more there are."""
    more = len(misses) + others - 1
    first = misses[0].gist if isinstance(misses[0], Miss) else misses[0].text
    return f"{first} (and {more} more)" if more else first


def reported(misses: Sequence[Miss | Slip], *, others: int = 0, made: Sequence[str] = ()) -> str:
    """The words about an answer with edits that were not made.

    Args:
        misses: what did not fit.
        others: how many edits besides were not made.
        made: files in which the other edits were made.
    """
    parts = [f"{i}. {miss.text}" for i, miss in enumerate(misses, start=1)]
    if others:
        why = "do not fit either" if made else "not tried after these"
        parts.append(f"{count_of(others, 'more edit')} of your answer: {why}.")
    found = "\n".join(parts)
    if made:
        paths = ", ".join(f"`{path}`" for path in made)
        return (
            f"Some of your edits could not be made. All others are made, in {paths}.\n{found}\n"
            "Answer with these edits alone, each with lines that are in the file word for word."
        )
    return (
        "Your edits could not be made, so none of them was: the files are as they were.\n"
        f"{found}\n"
        "Answer with all of your edits again, each with lines that are in the file word for word."
    )


def _nearest(lines: Sequence[str], old: Sequence[str]) -> tuple[int, float]:
    """Where the lines begin that are most like these, and how alike they are, of 1.

    Lines that are the same in both vote for a place; only the places with most votes are compared, so that it
    takes no longer than the file is long.
    """
    wanted = [line.strip() for line in old[:_MOST_LINES]]
    if not any(wanted) or not lines:
        return 0, 0.0
    where: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        where.setdefault(line.strip(), []).append(i)
    votes = _votes(where, wanted) or _votes_by_words(where, wanted)
    most = max(0, len(lines) - len(wanted))
    starts = {min(max(at, 0), most) for at, _ in votes.most_common(_COMPARED)}
    alike = {at: _likeness(lines[at : at + len(wanted)], wanted) for at in sorted(starts)}
    best = max(alike, key=alike.__getitem__, default=0)
    return best, alike.get(best, 0.0)


def _votes(where: Mapping[str, list[int]], wanted: Sequence[str]) -> Counter[int]:
    votes: Counter[int] = Counter()
    for i, line in enumerate(wanted):
        places = where.get(line, []) if line else []
        if len(places) <= _COMMON:
            votes.update(at - i for at in places)
    return votes


def _votes_by_words(where: Mapping[str, list[int]], wanted: Sequence[str]) -> Counter[int]:
    """Votes by lines that share words with the longest line."""
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
