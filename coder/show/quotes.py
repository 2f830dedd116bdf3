"""A request without the files that it quotes."""

import re
from collections.abc import Iterator

from coder.base.text.sanitize import count_of

_HEADING = re.compile(r"`.+`.*:|Other files, .*:")
"""The line above a file that a request quotes, and above its map."""
_FENCE = re.compile(r"`{3,}")


def without_files(text: str) -> str:
    """A request with one line for each file that it quotes."""
    return "\n".join(_without_quotes(text.split("\n")))


def _without_quotes(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at + 1]) if at + 1 < len(lines) else None
        if fence is None or not _HEADING.fullmatch(lines[at]):
            yield lines[at]
            at += 1
            continue
        rest = range(at + 2, len(lines))
        end = next((n for n in rest if lines[n] == fence[0]), len(lines))
        yield f"{lines[at].removesuffix(':')}: {count_of(end - at - 2, 'line')}"
        after = lines[end + 1 : end + 3]  # a blank line stands between two files
        is_between = len(after) == 2 and not after[0] and _HEADING.fullmatch(after[1])
        at = end + 1 + bool(is_between)
