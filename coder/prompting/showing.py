"""Showing: files beside the first request, since a model asks for them or its edits don't fit them.

What was shown once in a run is shown again whenever its dialogue starts afresh.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from coder.context.quoting import Range, tokens, whole_file
from coder.prompting.looking import texts_of
from coder.run.state import State

if TYPE_CHECKING:
    from coder.context.survey import Survey

Lines = Mapping[str, tuple[Range, ...]]
"""Ranges of lines by path."""
MOST_LINES = 1_000
"""Of one file; of a longer one, those around the line that is meant."""
MOST_TOKENS = 40_000
"""Of all files of one request, where it isn't known how much the model reads."""
_SHARE = 4
"""Else they take one in so many of the tokens that it reads."""
_AROUND = 30
"""Lines before and after a single one that is asked for."""


def with_lines(wanted: Lines, texts: Mapping[str, str]) -> dict[str, tuple[Range, ...]]:
    """What is shown of files: named lines, and without any the whole file, up to 1,000 lines.

    Args:
        wanted: lines of each file; of one line, those around it are shown too.
        texts: of the files that may be shown; others are left out.
    """
    return {
        path: tuple(map(_wide, lines)) or ((1, MOST_LINES),)
        for path, lines in wanted.items()
        if path in texts
    }


def around_misses(
    missed: Mapping[str, Sequence[int]], texts: Mapping[str, str]
) -> dict[str, tuple[Range, ...]]:
    """What is shown of files that edits don't fit: all, or of a longer one 1,000 lines around those places.

    Args:
        missed: lines near which the edits may belong, by path.
        texts: of the files that may be shown; others are left out.
    """
    found: dict[str, tuple[Range, ...]] = {}
    for path, lines in missed.items():
        if path in texts:
            half = MOST_LINES // (2 * max(1, len(lines)))
            is_short = len(texts[path].splitlines()) <= MOST_LINES or not lines
            whole = ((1, MOST_LINES),)
            found[path] = whole if is_short else tuple((max(1, n - half), max(n, half) + half) for n in lines)
    return found


def shown(lines: Lines, texts: Mapping[str, str], *, context: int | None) -> str:
    """Files as a request shows them; those that don't fit into their share of it are left out.

    Args:
        context: tokens that the model can read, where that is known.
    """
    from coder.context.excerpts import ranges  # most runs show nothing beside the first request

    parts: list[str] = []
    left = MOST_TOKENS if context is None else min(MOST_TOKENS, context // _SHARE)
    for path, wanted in lines.items():
        if path not in texts:
            continue
        count = len(texts[path].splitlines())
        is_whole = any(first <= 1 and last >= count for first, last in wanted)
        part = whole_file(path, texts[path]) if is_whole else ranges(path, texts[path], wanted, budget=left)
        if tokens(part) <= left:
            parts.append(part)
            left -= tokens(part)
    return "".join(parts)


def covers(seen: Lines, wanted: Lines) -> bool:
    """Whether all that is wanted has been shown."""
    return all(
        any(first <= start and end <= last for first, last in seen.get(path, ()))
        for path, ranges in wanted.items()
        for start, end in ranges
    )


def unseen(wanted: Lines, seen: Lines) -> dict[str, tuple[Range, ...]]:
    """Those of the ranges that have not been shown."""
    left = {
        path: tuple(each for each in ranges if not covers(seen, {path: (each,)}))
        for path, ranges in wanted.items()
    }
    return {path: ranges for path, ranges in left.items() if ranges}


def joined(one: Lines, other: Lines) -> dict[str, tuple[Range, ...]]:
    """Both, each range once."""
    paths = dict.fromkeys((*one, *other))
    return {path: tuple(dict.fromkeys((*one.get(path, ()), *other.get(path, ())))) for path in paths}


def seen_at_first(state: State, survey: "Survey | None") -> dict[str, tuple[Range, ...]]:
    """Files that the first request shows whole."""
    texts = texts_of(state)
    every = ((1, max(MOST_LINES, len(text.splitlines()))) for text in texts.values())
    return {
        path: (whole,)
        for path, whole in zip(texts, every, strict=True)
        if survey is None or path in survey.whole
    }


def shown_before(state: State, survey: "Survey | None", *, context: int | None) -> str:
    """The files that earlier turns of the run were shown and that the first request doesn't show whole."""
    known = seen_at_first(state, survey)
    lines: Lines = {}
    for message in state.messages:
        lines = joined(lines, message.shown)
    left = {path: wanted for path, wanted in lines.items() if path not in known}
    return shown(left, texts_of(state), context=context) if left else ""


def _wide(line: Range) -> Range:
    first, last = line
    if first == last:
        return max(1, first - _AROUND), last + _AROUND
    return first, min(last, first + MOST_LINES - 1)
