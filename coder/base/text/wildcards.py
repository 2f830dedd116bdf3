"""Match texts with wildcards in bounded time, as anybody may write a pattern, and expressions backtrack."""

from collections.abc import Iterable
from enum import Enum


class Wild(Enum):
    """Kinds of text that a wildcard matches."""

    ANY = "any text"
    NAME = "any text without a slash"
    ONE = "one character, no slash"
    FOLDERS = "nothing, or any text that ends with a slash"
    BELOW = "nothing, or any text that begins with a slash"


def matches(parts: Iterable[Wild | str], text: str) -> bool:
    """Return whether a text consists of these parts, in time proportional to parts times text length."""
    ends = {0}
    for part in parts:
        ends = _ends(part, text, ends)
        if not ends:
            return False
    return len(text) in ends


def _ends(part: Wild | str, text: str, starts: set[int]) -> set[int]:
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
    ends = set[int]()
    for place in range(first, size + 1):
        if place in starts or (place - 1 in ends and text[place - 1] != "/"):
            ends.add(place)
    return ends
