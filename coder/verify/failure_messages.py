"""Shorten the messages of failed tests for prompts."""

import re
from collections.abc import Sequence

from coder.run.message import CheckLine

_NAMES_CHARACTERS = 2_000
"""Maximum length of the list of failing checks' names, in characters."""
_LINES_BEFORE = 10
"""Quoted lines of the source that pytest prints before the failing line."""
_LINE_HEAD, _LINE_TAIL = 130, 70
"""Characters quoted of the head and the tail of a longer line."""
_PLACE = re.compile(r"\S+:\d+: \w+")
"""Place of an exception as pytest prints it: file, line and type."""


def format_names(failing_lines: Sequence[CheckLine]) -> str:
    """Format the names of failing checks, one per line, up to a limit."""
    lines: list[str] = []
    characters_left = _NAMES_CHARACTERS
    for line in failing_lines:
        characters_left -= len(line.name) + 1
        if characters_left < 0:
            lines.append(f"… and {len(failing_lines) - len(lines)} more")
            break
        lines.append(line.name)
    return "\n".join([f"{len(failing_lines)} checks fail:", *lines, ""])


def by_place(failing_lines: Sequence[CheckLine]) -> list[tuple[CheckLine, int]]:
    """Group checks by failing line and exception type; return each group's first check and other count."""
    groups: dict[str, list[CheckLine]] = {}
    for line in failing_lines:
        groups.setdefault(_place(line) or line.name, []).append(line)
    return [(checks[0], len(checks) - 1) for checks in groups.values()]


def _place(line: CheckLine) -> str:
    last_line = line.message.strip().rpartition("\n")[2]
    return last_line if _PLACE.fullmatch(last_line) else ""


def trim_message(message: str) -> str:
    """Shorten a message to ten lines of source before a failing line, and to 200 characters per line."""
    lines: list[str] = []
    source_lines = 0
    for line in message.split("\n"):
        if line.startswith(">") and source_lines > _LINES_BEFORE:
            lines[-source_lines:] = ["…", *lines[-_LINES_BEFORE:]]
        source_lines = source_lines + 1 if line[:1] in ("", " ") else 0
        is_long = len(line) > _LINE_HEAD + _LINE_TAIL
        lines.append(f"{line[:_LINE_HEAD]} … {line[-_LINE_TAIL:]}" if is_long else line)
    return "\n".join(lines)
