"""The processes of a container by the group id of each program: a program can't change it.

Docker's pid 1 alone assigns group ids. They identify processes also after a parent's death, and whatever a
process says of itself.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Set

from sandbox.inner.process.descendants import pids, send, status_of, stop_all
from sandbox.inner.process.family import Family, command_line

FIRST_GROUP, LAST_GROUP = 1000, 61_000
"""Group ids of programs; those of a rootless engine end at 65,535."""
_STUCK_S = 5.0


class GroupIds:
    """The groups that are in use, by the number of each program; for an agent that can give group ids."""

    def __init__(self) -> None:
        self._gids: dict[int, int] = {}
        self._next = FIRST_GROUP

    def assign(self, number: int) -> int:
        """Reserve a group id for a program."""
        while self._next in self._gids.values():
            self._step()
        self._gids[number] = self._next
        self._step()
        return self._gids[number]

    def hand_over(self, number: int, to: int, pid: int) -> None:
        """Give a program the process made for another number; `pid`: 0 if it isn't made yet."""
        self._gids[to] = self._gids.pop(number)

    def gid_of(self, number: int) -> int:
        """Return the group id of a program; -1, which no process has, if it has none."""
        return self._gids.get(number, -1)

    def _step(self) -> None:
        self._next = self._next + 1 if self._next < LAST_GROUP else FIRST_GROUP

    def join(self, number: int, pid: int) -> None:
        """Record a program's first process."""

    def release(self, number: int) -> None:
        """Let a program's group id be assigned again, unless a process still has it."""
        if not self.members(number):
            self._gids.pop(number, None)

    def members(self, number: int) -> dict[int, str]:
        """Return the state by pid of a program's living processes."""
        gid = str(self.gid_of(number))
        states = {}
        for pid in pids():
            status = status_of(pid)
            state = status.get("State", "Z")[0]
            if state not in "ZX" and gid in status["Gid"].split():
                states[pid] = state
        return states

    def named(self, number: int, most: int) -> list[tuple[int, str]]:
        """Return pid and command line of a program's living processes, at most `most`."""
        return [(pid, command_line(pid)) for pid in sorted(self.members(number))[:most]]

    def send(self, number: int, signal_number: int) -> None:
        """Send a signal to all processes of a program."""
        for pid in self.members(number):
            send(pid, signal_number)

    def kill(self, number: int) -> None:
        """Stop, then kill all processes of a program: a stopped one can't fork.

        Exits, which ends the container, if the kernel doesn't end a process that isn't runnable.
        """
        deadline = time.monotonic() + _STUCK_S
        while states := self.members(number):
            if "R" in states.values():
                deadline = time.monotonic() + _STUCK_S
            stop_all(lambda: self.members(number), clock=time.process_time)
            self.send(number, signal.SIGKILL)
            if time.monotonic() > deadline:
                os._exit(1)
            time.sleep(0.0005)


class Relatives(Family):
    """Like `GroupIds`, for an agent whose programs have its own uid; finds processes by their ancestors."""

    def __init__(self, own: Set[int]) -> None:
        """`own`: pids of the agent's current processes."""
        super().__init__(lambda: [pid for pid in pids() if pid not in own])

    def assign(self, number: int) -> int:
        """Give no group id: the agent can't."""
        return -1

    def hand_over(self, number: int, to: int, pid: int) -> None:
        """Record a program's first process, once it is made."""
        if pid:
            self.join(to, pid)

    def gid_of(self, number: int) -> int:
        """Return -1: a program has no group id."""
        return -1

    def join(self, number: int, pid: int) -> None:
        """Record a program's first process."""
        self.add(number, pid)

    def release(self, number: int) -> None:
        """Do nothing: dead processes are forgotten automatically."""
