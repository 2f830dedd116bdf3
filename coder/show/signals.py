"""End a command in the same way on Ctrl-C, on SIGTERM and when its terminal closes."""

import os
import signal
import stat
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALS = [*END_SIGNALS]
"""Signals that end a command; SIGHUP is added unless it is ignored, as by `nohup`."""
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
    SIGNALS.append(signal.SIGHUP)
INTERRUPTED = 130
"""Exit code of an interrupted command."""
RESET_CODES = "\r\x1b[J\x1b[?25h\x1b[?2004l"
"""Codes that reset a terminal before a message: a status line hides the cursor, and an input line turns
on paste marks."""
_initial_modes: list[Any] = []
"""Modes of the terminal before we changed them; empty without a terminal."""


def keep_terminal_modes() -> None:
    """Store the current terminal modes for `end_at_once`, as an input line turns off the echo."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        return
    import termios

    _initial_modes[:] = termios.tcgetattr(0)


def end_on_signals() -> None:
    """Make signals end the process with a message, while nothing needs to be closed.

    An exception would be unsafe during imports: it is lost in a callback of a weak reference, which the
    import system uses, and becomes a RuntimeError in `__set_name__`.
    """
    for number in SIGNALS:
        signal.signal(number, _end)


def interrupt_on_signals() -> None:
    """Make signals raise KeyboardInterrupt."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Ignore signals, so that the exit code doesn't change while the interpreter cleans up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_at_once(go_on: str | None = None) -> NoReturn:
    """End the process at once with a message that names the command to continue."""
    message = "error: Interrupted.\n" + (f"  Go on with: {go_on}\n" if go_on else "")
    if sys.platform != "win32" and _initial_modes:
        import termios

        with suppress(termios.error):  # the terminal has closed
            termios.tcsetattr(0, termios.TCSANOW, _initial_modes)
    # Not print: the signal may have interrupted another print.
    with suppress(OSError):
        os.write(2, (RESET_CODES if os.isatty(2) else "").encode() + message.encode())
    os._exit(INTERRUPTED)


def leave_terminal() -> None:
    """Redirect the standard streams of a closed terminal to the null device, as each write would fail."""
    null_device = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        with suppress(OSError):  # the stream is closed
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(null_device, stream)


def _end(number: int, frame: FrameType | None) -> None:
    end_at_once()


def _interrupt(number: int, frame: FrameType | None) -> None:
    if number not in END_SIGNALS:
        leave_terminal()
    raise KeyboardInterrupt
