"""Stopwatch: how long at least one of several things was under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


class Stopwatch:
    """Counts the seconds in which at least one `running()` block was entered; overlapping ones count once."""

    def __init__(self) -> None:
        self._running, self._since, self._counted = 0, 0.0, 0.0

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self._counted + (monotonic() - self._since if self._running else 0.0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the block."""
        if not self._running:
            self._since = monotonic()
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._counted += monotonic() - self._since
