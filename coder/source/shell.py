"""Shell: a command line with a pipe, a redirection or several commands, which bash runs as one command."""

import re
import shlex
from collections.abc import Sequence

_BASH = ("bash", "-o", "pipefail", "-c")
"""A pipe fails where any of its commands does."""
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
_OPERATOR = re.compile(r"[|&;<>\n]")


def command_words(text: str) -> tuple[str, ...]:
    """The words of a command line; bash and the line itself where it has operators of the shell.

    Raises:
        ValueError: a quotation doesn't end.
    """
    words = tuple(shlex.split(text))
    line = text.strip()
    return (*_BASH, line) if _OPERATOR.search(_QUOTED.sub("", line)) else words


def line_of(argv: Sequence[str]) -> str | None:
    """The command line that bash runs; None for a command that needs no shell."""
    return argv[-1] if tuple(argv[:-1]) == _BASH else None


def shown(argv: Sequence[str]) -> str:
    """A command as its user wrote it, as nearly as is known."""
    return line_of(argv) or " ".join(argv)
