"""Standard input of `coder run`: the program itself, or what the program reads."""

import os
import sys

from coder.errors import UsageError

MOST = 16 << 20
"""Bytes of a program."""


def read_all() -> bytes:
    """Read a program from standard input.

    Raises:
        UsageError: it is too long.
    """
    content = sys.stdin.buffer.read(MOST + 1)
    if len(content) > MOST:
        raise UsageError(f"Standard input has more than {MOST >> 20} MiB: too much for a program.")
    return content


def standard_input() -> bytes | int:
    """What the program in the sandbox reads: a descriptor, or nothing where it is a terminal or closed."""
    return 0 if sys.stdin is not None and not os.isatty(0) else b""
