"""Killing a command waits for the kernel, within bounds."""

import signal
import subprocess
import time

import pytest

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


class Hindered(Family):
    """The family of one process, whose agent waits for a processor longer than it may take to kill."""

    def __init__(self, pid: int) -> None:
        super().__init__(lambda: [pid])
        self.add(1, pid)
        self._waits_s = 0.7

    def _look(self, number: int) -> dict[int, str]:
        time.sleep(self._waits_s)
        self._waits_s = 0.0
        return super()._look(number)


@pytest.mark.slow
def test_an_agent_that_the_machine_holds_up_still_kills_what_it_has_stopped() -> None:
    program = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        Hindered(program.pid).kill(1)

        assert program.wait(timeout=300) == -signal.SIGKILL
    finally:
        program.kill()
        program.wait()
