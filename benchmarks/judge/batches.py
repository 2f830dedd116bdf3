"""Spreads the test files of one case over the processors that run no others."""

import contextlib
import os
from collections.abc import Iterator, Sequence

_OF_A_FILE = 4_000
"""What a file costs by itself, in characters of source."""


class Processors:
    """Counts the processes that run tests in this program."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count or os.cpu_count() or 1
        self._running = 0

    @property
    def idle(self) -> int:
        """Processors without such a process; at least one."""
        return max(1, self._count - self._running)

    @contextlib.contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """So many more run."""
        self._running += count
        try:
            yield
        finally:
            self._running -= count


PROCESSORS = Processors()


def batches_of(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Numbers of files in at most so many batches that take about the same time.

    Args:
        lengths: of each file, in characters.
    """
    batches: list[list[int]] = [[] for _ in range(min(most, len(lengths)))]
    for number in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        min(batches, key=lambda some: sum(lengths[one] + _OF_A_FILE for one in some)).append(number)
    return [sorted(some) for some in batches]
