"""Shorten a long output to whole lines of its head and tail."""

from collections.abc import Iterable

DEFAULT_CHARACTERS = 16_000
"""Default maximum characters of a shortened output."""
MAX_CHARACTERS = 50_000
"""Maximum characters of a shortened output that a model may request."""
_MAX_WIDTH = 4_000
"""A line with more characters is shortened, too."""
_HEAD_WIDTH, _TAIL_WIDTH = 2_000, 1_000


def whole_size(most: int = DEFAULT_CHARACTERS) -> int:
    """Return the maximum characters of an output that isn't shortened, if shortened ones have `most`."""
    return most * 6 // 5


def shortened(
    text: str, *, log: str | None = None, is_all: bool = True, most: int = DEFAULT_CHARACTERS
) -> str:
    """Shorten a long text to its first and last lines, and say where to read the others.

    Args:
        log: the file with the whole text.
        is_all: False if the middle is missing already, so that the last lines have no numbers.
        most: maximum characters of the result, without the line about omitted lines.
    """
    if len(text) <= whole_size(most):
        return text
    lines = [_narrow(line, number, log) for number, line in enumerate(text.split("\n"), start=1)]
    if sum(map(len, lines)) + len(lines) <= whole_size(most):
        return "\n".join(lines)
    head = _count_fitting(lines, most // 2)
    tail = _count_fitting(reversed(lines[head:]), most // 2)
    first_omitted, last_omitted = head + 1, len(lines) - tail
    if log is None:
        gap = f"[lines {first_omitted}–{last_omitted} left out]"
    elif is_all:
        gap = f"[lines {first_omitted}–{last_omitted} left out; sed -n {first_omitted},{last_omitted}p {log}]"
    else:
        gap = f"[lines from {first_omitted} on left out, up to the last ones; {log} holds the beginning]"
    return "\n".join([*lines[:head], gap, *lines[last_omitted:]])


def _count_fitting(lines: Iterable[str], room: int) -> int:
    """Return the number of lines that fit into this many characters."""
    for count, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return count
    raise AssertionError("a text that fits is not cut")


def _narrow(line: str, number: int, log: str | None) -> str:
    if len(line) <= _MAX_WIDTH:
        return line
    tail_start = len(line) - _TAIL_WIDTH
    hint = f"; sed -n {number}p {log} | cut -c {_HEAD_WIDTH + 1}-{tail_start}" if log is not None else ""
    return f"{line[:_HEAD_WIDTH]}[{tail_start - _HEAD_WIDTH:,} characters left out{hint}]{line[tail_start:]}"
