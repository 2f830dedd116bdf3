"""Fences of Markdown, and the file names that stand in them or above."""

import re
from collections.abc import Collection

NAME = r"(?:[\w.-]+/)*(?:[\w.-]*\.[A-Za-z]\w{0,15}|Makefile|Dockerfile)"
"""A path that is easily told from prose."""
LONGEST_NAME = 1000
"""Characters of a line that may be a name."""
_MOST_BLANKS = 3
"""Before a fence; with more it is text (CommonMark 4.5)."""
_FENCE = re.compile(r"^[ ]{0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_PLAIN = re.compile(NAME)
_SAID = re.compile(r"^(?:file(?:name)?|path)\s*:\s*", re.IGNORECASE)
_AROUND = " \t\r*`#:\"'<>"


def opening_fence(line: str) -> re.Match[str] | None:
    """`mark` and `info` of a line that opens a block."""
    return _FENCE.match(line)


def closes(line: str, mark: str) -> bool:
    """Whether a line closes the block that this mark opened: at most three blanks stand before its own."""
    line, mark = line.rstrip(), mark.strip()
    bare = line.lstrip(" ")
    return len(line) - len(bare) <= _MOST_BLANKS and bare.startswith(mark) and not bare.strip(mark[0])


def closes_signed(line: str, mark: str) -> bool:
    """The same of a block of lines with signs: behind a blank, which is a sign, a fence is one of these."""
    return (mark.startswith(" ") or not line.startswith(" ")) and closes(line, mark)


def name_in(line: str, known: Collection[str], *, any_word: bool = False) -> str | None:
    """The path that a line names and nothing else; None where it does something else.

    Args:
        line: above or in a block.
        known: files that are there: their names may look like anything.
        any_word: whether any one word is a name.
    """
    if (there := known_name(line, known)) is not None or len(line) > LONGEST_NAME:
        return there
    text = _bare(line)
    if not text or text.split() != [text] or "://" in text:
        return None
    is_name = any_word or "/" in text or "\\" in text or _PLAIN.fullmatch(text) is not None
    return text if is_name else None


def known_name(line: str, known: Collection[str]) -> str | None:
    """The file that is there which a line names and nothing else; None where it does something else."""
    return text if len(line) <= LONGEST_NAME and (text := _bare(line)) in known else None


def _bare(line: str) -> str:
    """What a line says, without the signs around it and the word for a file."""
    return _SAID.sub("", line.strip(_AROUND).removeprefix("//").strip(_AROUND)).strip(_AROUND)
