"""Remove the quoted files from a request."""

import re
from collections.abc import Iterator

from coder.base.text.sanitize import count_of

_HEADING = re.compile(r"`.+`.*:|Other files, .*:")
"""The line above a quoted file, and above the map of files."""
_FENCE = re.compile(r"`{3,}")


def without_files(text: str) -> str:
    """Return a request in which one line replaces each quoted file."""
    return "\n".join(_without_quotes(text.split("\n")))


def _without_quotes(lines: list[str]) -> Iterator[str]:
    index = 0
    while index < len(lines):
        fence = _FENCE.match(lines[index + 1]) if index + 1 < len(lines) else None
        if fence is None or not _HEADING.fullmatch(lines[index]):
            yield lines[index]
            index += 1
            continue
        following = range(index + 2, len(lines))
        end = next((i for i in following if lines[i] == fence[0]), len(lines))
        yield f"{lines[index].removesuffix(':')}: {count_of(end - index - 2, 'line')}"
        next_lines = lines[end + 1 : end + 3]  # a blank line stands between two files
        is_followed = len(next_lines) == 2 and not next_lines[0] and _HEADING.fullmatch(next_lines[1])
        index = end + 1 + bool(is_followed)
