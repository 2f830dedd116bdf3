"""Match texts with wildcards in bounded time, as anybody may write a pattern, and expressions backtrack."""

from collections.abc import Iterable
from enum import Enum
from typing import Protocol


class Wild(Enum):
    """Kinds of text that a wildcard matches."""

    ANY = "any text"
    NAME = "any text without a slash"
    ONE = "one character, no slash"
    FOLDERS = "nothing, or any text that ends with a slash"
    BELOW = "nothing, or any text that begins with a slash"
    OPTIONS = "nothing, or a command's options, each with a value or without"


class Matcher(Protocol):
    """Another kind of text that a part may match."""

    def ends(self, text: str, starts: set[int]) -> set[int]:
        """Return the indexes at which this part may end if it begins at one of `starts`."""


Part = Wild | str | Matcher


def matches(parts: Iterable[Part], text: str, starts: Iterable[int] = (0,)) -> bool:
    """Return whether a text consists of these parts, in time proportional to parts times text length.

    Args:
        starts: indexes from which the rest of the text may consist of them.
    """
    ends = set(starts)
    for part in parts:
        if not ends:
            return False
        ends = ends_of(part, text, ends)
    return len(text) in ends


def ends_of(part: Part, text: str, starts: set[int]) -> set[int]:
    """Return the indexes at which a part may end if it begins at one of `starts`."""
    first, size = min(starts), len(text)
    match part:
        case str():
            return {start + len(part) for start in starts if text.startswith(part, start)}
        case Wild.ANY:
            return set(range(first, size + 1))
        case Wild.ONE:
            return {start + 1 for start in starts if text[start : start + 1] not in ("", "/")}
        case Wild.FOLDERS:
            return starts | {place + 1 for place in range(first, size) if text[place] == "/"}
        case Wild.BELOW:
            slash = min((start for start in starts if text.startswith("/", start)), default=size)
            return starts | set(range(slash + 1, size + 1))
        case Wild.OPTIONS:
            return _after_options(text, starts)
        case Wild.NAME:
            return _within_name(text, starts)
    return part.ends(text, starts)


def _within_name(text: str, starts: set[int]) -> set[int]:
    """Return the indexes from each start up to the next slash."""
    ends = set[int]()
    for place in range(min(starts), len(text) + 1):
        if place in starts or (place - 1 in ends and text[place - 1] != "/"):
            ends.add(place)
    return ends


def _after_options(text: str, starts: set[int]) -> set[int]:
    """Return the indexes behind words that begin with `-`, and behind the word after each."""
    ends, left = set(starts), list(starts)
    while left:
        if text.startswith(" -", start := left.pop()):
            behind_option = _word_end(text, start)
            new = {behind_option, _word_end(text, behind_option)} - ends
            ends |= new
            left += new
    return ends


def _word_end(text: str, blank: int) -> int:
    """Return the index of the end of the word after a blank."""
    end = text.find(" ", blank + 1)
    return end if end >= 0 else len(text)
