"""ProgressLines: lines that say what runs, in output without a status line, such as a file or a CI log."""

import asyncio
import time
from collections.abc import Callable

from coder.show.terminal import Terminal

EVERY_S = 10.0
"""Longest silence while something runs, in seconds."""
_LOOK_S = 0.5


class ProgressLines:
    """Prints the current activity whenever nothing else was printed for `EVERY_S` seconds."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float] = time.monotonic) -> None:
        """Initialize with a terminal whose `doing` is the activity."""
        self._terminal, self._clock = terminal, clock
        self._doing, self._outputs = terminal.doing, terminal.outputs
        self._begun_s = self._silent_since_s = clock()

    async def run(self) -> None:
        """Print lines until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Print a line if it is due."""
        now, terminal = self._clock(), self._terminal
        if terminal.doing != self._doing:
            self._doing, self._begun_s = terminal.doing, now
        if terminal.outputs != self._outputs:
            self._outputs, self._silent_since_s = terminal.outputs, now
        is_due = now + _LOOK_S > self._silent_since_s + EVERY_S
        if is_due and self._doing and terminal.is_free:
            terminal.print(f"  … {self._doing}  [{now - self._begun_s:.0f} s so far]")
            self._outputs, self._silent_since_s = terminal.outputs, now
