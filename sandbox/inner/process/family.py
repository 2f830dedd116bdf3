"""Map processes of a session to commands, also after a parent's death.

A process belongs to the command of its process session, else to its parent's; an orphan in its own session
belongs to the last command started before it was first seen.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable

from sandbox.inner.process.descendants import fields_of, resident_pages, send, stop_all

_PATIENCE_S = 0.3
_MOMENT_S = 0.001
_LONGEST = 200
"""Characters kept of a command line."""


class Family:
    """Processes by command, as seen by the parent of all orphans."""

    def __init__(self, look: Callable[[], Iterable[int]]) -> None:
        """`look` returns the pids of all processes of the session."""
        self._pids = look
        self._leaders: dict[int, int] = {}
        """Command numbers by the id of their process session."""
        self._known: dict[tuple[int, str], int] = {}
        """Command numbers by pid and start time of each known process."""
        self._latest = 0

    def add(self, number: int, leader: int) -> None:
        """Record the start of a command."""
        self._leaders[leader] = number
        self._latest = number

    def clear(self) -> None:
        """Forget all processes, once none is alive."""
        self._leaders.clear()
        self._known.clear()

    def named(self, number: int, most: int) -> list[tuple[int, str]]:
        """Return pid and command line of a command's living processes, at most `most`."""
        return [(pid, command_line(pid)) for pid in sorted(self._look(number))[:most]]

    def send(self, number: int, signal_number: int) -> None:
        """Send a signal to all processes of a command."""
        for pid in self._look(number):
            send(pid, signal_number)

    def kill(self, number: int) -> None:
        """Stop, then kill all processes of a command: a stopped one can't fork.

        Each is sent SIGKILL at least once, however long it took to stop them.
        """
        stop_all(lambda: self._look(number))
        deadline = time.monotonic() + 2 * _PATIENCE_S
        while survivors := list(self._look(number)):
            for pid in survivors:
                send(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                break
            time.sleep(_MOMENT_S)

    def kill_largest(self) -> None:
        """Kill the process that uses most memory."""
        largest = max(self._living(), key=resident_pages, default=0)
        if largest:
            send(largest, signal.SIGKILL)

    def _look(self, number: int) -> dict[int, str]:
        """Return the state by pid of a command's living processes."""
        stats = self._living()
        owners: dict[tuple[int, str], int] = {}
        of: dict[int, int] = {}
        for pid in sorted(stats):  # parents usually come first
            parent, session, began = int(stats[pid][1]), int(stats[pid][3]), stats[pid][19]
            owner = self._known.get((pid, began), self._leaders.get(session, of.get(parent, self._latest)))
            owners[pid, began] = of[pid] = owner
        self._known = owners
        sessions = {int(fields[3]) for fields in stats.values()}
        self._leaders = {leader: owner for leader, owner in self._leaders.items() if leader in sessions}
        return {pid: stats[pid][0] for pid, owner in of.items() if owner == number}

    def _living(self) -> dict[int, list[str]]:
        """Return the fields of /proc/PID/stat of all living processes."""
        stats = {pid: fields_of(pid) for pid in self._pids()}
        return {pid: fields for pid, fields in stats.items() if fields and fields[0] not in "ZX"}


def command_line(pid: int) -> str:
    """Return the command line of a process as printable text, truncated if it is long."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(_LONGEST).replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return "".join(letter if letter.isprintable() else "?" for letter in words)
