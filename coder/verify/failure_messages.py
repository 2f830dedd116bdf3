"""Messages of failed tests as prompts quote them: without what repeats, and without what no line needs."""

import re
from collections.abc import Sequence

from coder.run.message import CheckLine

_NAMES = 2_000
"""Characters of the names of all checks that fail."""
_LINES_BEFORE = 10
"""Lines of source that pytest prints before the one that failed, as far as they are quoted."""
_LINE_HEAD, _LINE_TAIL = 130, 70
"""Characters at both ends of a quoted line that is longer."""
_PLACE = re.compile(r"\S+:\d+: \w+")
"""Where pytest says that an exception was raised: file, line and its type."""


def names(failed: Sequence[CheckLine]) -> str:
    """Format the names of failed checks, one a line, up to the limit."""
    lines: list[str] = []
    room = _NAMES
    for line in failed:
        room -= len(line.name) + 1
        if room < 0:
            lines.append(f"… and {len(failed) - len(lines)} more")
            break
        lines.append(line.name)
    return "\n".join([f"{len(failed)} checks fail:", *lines, ""])


def by_place(failed: Sequence[CheckLine]) -> list[tuple[CheckLine, int]]:
    """The first of the checks that fail at the same line by the same type, with the number of the others."""
    groups: dict[str, list[CheckLine]] = {}
    for line in failed:
        groups.setdefault(_place(line) or line.name, []).append(line)
    return [(group[0], len(group) - 1) for group in groups.values()]


def _place(line: CheckLine) -> str:
    last = line.message.strip().rpartition("\n")[2]
    return last if _PLACE.fullmatch(last) else ""


def trimmed(message: str) -> str:
    """The message with at most ten lines of source before one that failed, each in 200 characters."""
    kept: list[str] = []
    block = 0
    for line in message.split("\n"):
        if line.startswith(">") and block > _LINES_BEFORE:
            kept[-block:] = ["…", *kept[-_LINES_BEFORE:]]
        block = block + 1 if line[:1] in ("", " ") else 0
        is_long = len(line) > _LINE_HEAD + _LINE_TAIL
        kept.append(f"{line[:_LINE_HEAD]} … {line[-_LINE_TAIL:]}" if is_long else line)
    return "\n".join(kept)
