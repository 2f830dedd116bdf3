"""SIGTERM ends a command as Ctrl-C does."""

import signal
from types import FrameType


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt at SIGTERM, wherever the process is."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
