"""Killing a command waits for the kernel, within bounds."""

import time

from sandbox.inner.process.family import Family

NOBODY = 1 << 23
"""No process has such a pid: Linux gives none above 1 << 22."""


class Slow(Family):
    """A command whose one process is stopped at once, and takes a while to die: it frees much memory."""

    def __init__(self, dies_after_s: float) -> None:
        super().__init__(lambda: [])
        self._end = time.monotonic() + dies_after_s

    def _look(self, number: int) -> dict[int, str]:
        return {NOBODY: "T"} if time.monotonic() < self._end else {}


def test_a_process_that_stops_at_once_has_the_rest_of_the_time_to_die() -> None:
    slow = Slow(0.45)

    slow.kill(1)

    assert slow.named(1, most=1) == []
