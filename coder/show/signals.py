"""Ctrl-C, SIGTERM and the end of a terminal end a command in the same way."""

import os
import signal
import stat
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

ENDINGS = (signal.SIGINT, signal.SIGTERM)
SIGNALS = [*ENDINGS]
"""And SIGHUP, unless it is ignored, as behind `nohup`."""
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
    SIGNALS.append(signal.SIGHUP)
INTERRUPTED = 130
"""The exit code of a command that was interrupted."""
WIPE = "\r\x1b[J\x1b[?25h\x1b[?2004l"
"""What a terminal needs before words in the middle of a line: a live line has hidden the cursor, and
an input line has it mark what is pasted."""
_modes: list[Any] = []
"""Modes of the terminal before any program part has changed them; empty: there is none."""


def keep_terminal_modes() -> None:
    """Have `end_at_once` set the modes that the terminal has now: an input line turns its echo off."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        return
    import termios

    _modes[:] = termios.tcgetattr(0)


def end_on_signals() -> None:
    """End the process in words at one of these signals, while it holds nothing that wants to be closed.

    An exception would not do while modules are imported: what is raised in a callback of a weak reference, as
    the import system has them, is lost, and what is raised in `__set_name__` becomes a RuntimeError.
    """
    for number in SIGNALS:
        signal.signal(number, _end)


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt at one of these signals, wherever the process is."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Let nothing change the exit code any more: the interpreter only has to clean up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_at_once(go_on: str | None = None) -> NoReturn:
    """End the process in words, whatever it is doing, and name the command that continues."""
    words = "error: Interrupted.\n" + (f"  Go on with: {go_on}\n" if go_on else "")
    if sys.platform != "win32" and _modes:
        import termios

        with suppress(termios.error):  # it has closed
            termios.tcsetattr(0, termios.TCSANOW, _modes)
    # Not print: the signal may have come in the middle of another one.
    with suppress(OSError):
        os.write(2, (WIPE if os.isatty(2) else "").encode() + words.encode())
    os._exit(INTERRUPTED)


def leave_terminal() -> None:
    """Read and write nothing where the terminal was: it has closed, and each write would fail."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        with suppress(OSError):  # it is closed
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nothing, stream)


def _end(number: int, frame: FrameType | None) -> None:
    end_at_once()


def _interrupt(number: int, frame: FrameType | None) -> None:
    if number not in ENDINGS:
        leave_terminal()
    raise KeyboardInterrupt
