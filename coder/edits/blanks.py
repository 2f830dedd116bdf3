"""Blank lines between: a hunk that has more or fewer of them than the file, as the file has them.

What an answer says of its own lines holds; blank lines of the file that it left out stay, and those that it
has in addition are none that could go.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile

from coder.edits.edit import Hunk, Sign


def as_there(hunk: Hunk, there: Sequence[str]) -> tuple[tuple[Sign, str], ...]:
    """The lines of a hunk, with exactly these old ones.

    Args:
        hunk: its old lines are those of the file, but for blank ones.
        there: the file's lines, from the first to the last that isn't blank.
    """
    signed: list[tuple[Sign, str]] = []
    left_out: set[int] = set()
    at = 0
    last: Sign = " "
    for sign, line in hunk.lines:
        if sign == "+":
            signed.append((sign, line))
            continue
        while line.strip() and not there[at].strip():  # between lines that go it goes too
            left_out.add(len(signed))
            signed.append(("-" if sign == last == "-" else " ", there[at]))
            at += 1
        if at < len(there) and (line.strip() or not there[at].strip()):
            signed.append((sign, there[at]))
            at += 1
        last = sign
    for i in list(_replaced(signed, left_out)):
        signed[i] = ("-", signed[i][1])
    return tuple(signed)


def _replaced(signed: Sequence[tuple[Sign, str]], left_out: set[int]) -> Iterator[int]:
    """Those left out beside new lines that begin or end with blank ones: these stand for them."""
    for is_change, run in groupby(range(len(signed)), key=lambda i: signed[i][0] != " "):
        changed = list(run)
        new = [signed[i][1] for i in changed if signed[i][0] == "+"]
        if not is_change or not new:
            continue
        if not new[0].strip():
            yield from takewhile(left_out.__contains__, range(changed[0] - 1, -1, -1))
        if not new[-1].strip():
            yield from takewhile(left_out.__contains__, range(changed[-1] + 1, len(signed)))
