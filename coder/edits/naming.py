"""Naming: the file that a line of an answer names, such as the one above a block or its first comment."""

import re
from collections.abc import Collection

_LONGEST = 1000
"""Characters of a line that may be a name."""
NAME = re.compile(r"(?:[\w.-]+/)*(?:[\w.-]*\.[A-Za-z]\w{0,15}|Makefile|Dockerfile)")
"""A path that is easily told from prose."""
PATH = re.compile(rf"{NAME.pattern}|\S*[/\\]\S*")
"""The same, or any word with a slash."""
WORD = re.compile(r"\S+")
_LISTED = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SAID = re.compile(r"^(?:file(?:name)?|path)\s*:\s*", re.IGNORECASE)
_AROUND = " \t\r*`#:\"'<>"
_SENTENCE = re.compile(rf"^[^`]*`(?:\./)*({NAME.pattern})`[^`]*:\W{{0,3}}$")
_NO_FILE = re.compile(
    r"\b(?:examples?|us(?:e|es|age|ing)|run|runs|running|call|calls|outputs?|prints?|shows?)\b", re.IGNORECASE
)
"""Remark on a block that is about a file, and isn't the file."""


def name_in(line: str, known: Collection[str], shape: re.Pattern[str] = NAME) -> str | None:
    """The path that a line names and nothing else: a known file, or what has this shape."""
    if len(line) > _LONGEST:
        return None
    text = _LISTED.sub("", line).strip(_AROUND).removeprefix("//").strip(_AROUND)
    text = _SAID.sub("", text).strip(_AROUND)
    is_name = text in known or (shape.fullmatch(text) is not None and "://" not in text)
    return text if is_name else None


def name_of_block(info: str, above: str, known: Collection[str], shape: re.Pattern[str] = NAME) -> str | None:
    """The file that a block's fence line names, or the line above it."""
    words = re.split(r"[\s:=]+", info[:_LONGEST].strip())
    in_fence = name_in(words[-1], known if len(words) > 1 else (), shape)
    return name_in(info.partition(" ")[2], known, shape) or in_fence or name_in(above, known, shape)


def name_in_comment(line: str) -> str | None:
    """The file that a comment names, where that is all that it says."""
    return name_in(line, ()) if line.lstrip().startswith(("#", "//")) else None


def name_in_sentence(line: str) -> str | None:
    """The only file that a sentence quotes which leads to a block: "The corrected `a.py`:"."""
    match = _SENTENCE.match(line.strip()[:_LONGEST])
    return match[1] if match is not None and _NO_FILE.search(line) is None else None
