"""Split command lines; bash runs those with pipes, redirections, variables or several commands."""

import re
import shlex
from collections.abc import Sequence

_BASH = ("bash", "-o", "pipefail", "-c")
"""With `pipefail`, a pipe fails if any of its commands fails."""
_MAX_CHARACTERS = 8_192
"""Characters of a line of others: `shlex` takes quadratic time for a long word."""
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
_EXPANDED = r"\$[\w({]|`"
_OPERATOR = re.compile(rf"[|&;<>\n]|{_EXPANDED}")
_EXPANDED_IN_QUOTES = re.compile(rf"(?<!\\)(?:{_EXPANDED})")


def split_line(text: str, *, comments: bool = False) -> list[str]:
    """Split a line of others into words, as `shlex.split`. Raises ValueError also if it is too long."""
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"more than {_MAX_CHARACTERS:,} characters")
    return shlex.split(text, comments=comments)


def command_words(text: str) -> tuple[str, ...]:
    """Split a command line into words; bash runs a line with operators. Raises ValueError."""
    words = tuple(shlex.split(text))
    line = text.strip()
    return (*_BASH, line) if _OPERATOR.search(_QUOTED.sub(_expanded, line)) else words


def _expanded(quoted: re.Match[str]) -> str:
    """Return the first expansion inside double quotes; empty if there is none."""
    inside = _EXPANDED_IN_QUOTES.search(quoted[0]) if quoted[0].startswith('"') else None
    return inside[0] if inside is not None else ""


def line_of(argv: Sequence[str]) -> str | None:
    """Return the command line that bash runs; None for a command that needs no shell."""
    return argv[-1] if tuple(argv[:-1]) == _BASH else None


def format_command(argv: Sequence[str]) -> str:
    """Return the command line of a command, as the user wrote it if known."""
    return line_of(argv) or " ".join(argv)
