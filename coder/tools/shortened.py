"""Shorten a long output to whole lines of its head and tail. Pure."""

from collections.abc import Iterable

MOST = 16_000
"""Characters of an output that is cut, unless more are asked for."""
LARGEST = 50_000
"""Characters that may be asked for."""
_WIDE = 4_000
"""Characters of a line that is cut itself."""
_WIDE_HEAD, _WIDE_TAIL = 2_000, 1_000


def whole_size(most: int = MOST) -> int:
    """Largest output in characters that stays whole, where a shortened one has at most this many."""
    return most * 6 // 5


def shortened(text: str, *, log: str | None = None, is_all: bool = True, most: int = MOST) -> str:
    """Shorten a long text to its first and last lines, and say where to read the others.

    Args:
        log: the file that holds it.
        is_all: False where the middle is missing already, so that the last lines have no numbers.
        most: characters that a long text is cut to, without the line about what is left out.
    """
    if len(text) <= whole_size(most):
        return text
    lines = [_narrow(line, number, log) for number, line in enumerate(text.split("\n"), start=1)]
    if sum(map(len, lines)) + len(lines) <= whole_size(most):
        return "\n".join(lines)
    head = _fitting(lines, most // 2)
    tail = _fitting(reversed(lines[head:]), most // 2)
    first, last = head + 1, len(lines) - tail
    if log is None:
        gap = f"[lines {first}–{last} left out]"
    elif is_all:
        gap = f"[lines {first}–{last} left out; sed -n {first},{last}p {log}]"
    else:
        gap = f"[lines from {first} on left out, up to the last ones; {log} holds the beginning]"
    return "\n".join([*lines[:head], gap, *lines[last:]])


def _fitting(lines: Iterable[str], room: int) -> int:
    """Number of lines that fit into this many characters."""
    for count, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return count
    raise AssertionError("a text that fits is not cut")


def _narrow(line: str, number: int, log: str | None) -> str:
    if len(line) <= _WIDE:
        return line
    last = len(line) - _WIDE_TAIL
    where = f"; sed -n {number}p {log} | cut -c {_WIDE_HEAD + 1}-{last}" if log is not None else ""
    return f"{line[:_WIDE_HEAD]}[{last - _WIDE_HEAD:,} characters left out{where}]{line[last:]}"
