"""Quote text of a repository in a prompt, so that the text can't end the quotation."""

import re
from collections.abc import Mapping

from coder.base.text.sanitize import printable

Range = tuple[int, int]
"""First and last line, from 1."""
_TICKS = re.compile(r"`{3,}")
_MAX_PATH = 300
_SPECIAL = re.compile(r"[`\r\n\t\u2028\u2029\x85]")


def fenced(text: str, language: str = "") -> str:
    """Return a text in a fence that is longer than every fence in the text."""
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def shown_path(path: str) -> str:
    """Quote a path on one line in backticks, with its special characters escaped."""
    escaped_path = printable(_SPECIAL.sub(lambda match: f"\\x{ord(match[0]):02x}", path))
    return f"`{escaped_path if len(escaped_path) <= _MAX_PATH else escaped_path[:_MAX_PATH] + '…'}`"


def shortened(text: str, max_characters: int) -> str:
    """Return the text, with its middle left out if it is longer than `max_characters`."""
    if len(text) <= max_characters:
        return text
    half = max_characters // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"


def depth_of(line: str) -> int:
    """Return the number of characters of a line's indentation."""
    return len(line) - len(line.lstrip())


def tokens(text: str) -> int:
    """Estimate the tokens of a text: code has about three characters per token, other scripts fewer."""
    ascii_count = len(text) if text.isascii() else sum(character.isascii() for character in text)
    return ascii_count // 3 + 2 * (len(text) - ascii_count) + 1


def whole_file(path: str, text: str) -> str:
    """Return a file in full, with its path as a heading."""
    return f"\n{shown_path(path)}:\n{fenced(text.rstrip())}\n"


def whole_files(texts: Mapping[str, str], *, budget: int) -> str:
    """Return files in full, the most important first, within a budget; then the other files' names."""
    parts: list[str] = []
    for path, text in texts.items():
        part = whole_file(path, text)
        if tokens(part) > budget:
            part = f"\n{shown_path(path)} is there too ({len(text)} characters, not shown).\n"
        budget -= tokens(part)
        parts.append(part)
    return "".join(parts)
