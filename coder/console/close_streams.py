"""The standard streams of a command, whatever its caller has done to them."""

import os
import sys


def open_streams() -> None:
    """Have all three, and any text fit through them.

    One that was closed (`>&-`) gets a place to go to, before a file of ours takes its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        # Names of files and text of programs need not be valid in the terminal's encoding.
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8", errors="backslashreplace")


def close_stdout() -> None:
    """Give the interpreter's last flush somewhere to go when the reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
