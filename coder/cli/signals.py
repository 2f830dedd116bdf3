"""Ctrl-C and SIGTERM end a command in the same way."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130
"""The exit code of a command that was interrupted."""


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt at either signal, wherever the process is."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Let nothing change the exit code any more: the interpreter only has to clean up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
