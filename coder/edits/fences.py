"""Fences of Markdown, and the file names that stand in them or above."""

import re
from collections.abc import Collection

NAME = r"(?:[\w.-]+/)*(?:[\w.-]*\.[A-Za-z]\w{0,15}|Makefile|Dockerfile)"
"""A path that is easily told from prose."""
LONGEST_NAME = 1000
"""Characters of a line that may be a name."""
_FENCE = re.compile(r"^[ ]{0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_PLAIN = re.compile(NAME)
_SAID = re.compile(r"^(?:file(?:name)?|path)\s*:\s*", re.IGNORECASE)
_AROUND = " \t\r*`#:\"'<>"


def opening_fence(line: str) -> re.Match[str] | None:
    """`mark` and `info` of a line that opens a block."""
    return _FENCE.match(line)


def closes(line: str, mark: str) -> bool:
    """Whether a line closes the block that this mark opened."""
    line = line.strip()
    return line.startswith(mark) and not line.strip(mark[0])


def name_in(line: str, known: Collection[str], *, any_word: bool = False) -> str | None:
    """The path that a line names and nothing else; None where it does something else.

    Args:
        line: above or in a block.
        known: files that are there: their names may look like anything.
        any_word: whether any one word is a name.
    """
    if len(line) > LONGEST_NAME:
        return None
    text = _SAID.sub("", line.strip(_AROUND).removeprefix("//").strip(_AROUND)).strip(_AROUND)
    if text in known:
        return text
    if not text or text.split() != [text] or "://" in text:
        return None
    is_name = any_word or "/" in text or "\\" in text or _PLAIN.fullmatch(text) is not None
    return text if is_name else None
