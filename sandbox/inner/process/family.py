"""Which process of a session belongs to which command, also when its parent has gone.

A process belongs to the command in whose process session it is, else to that of its parent, else, an orphan
in a session of its own, to the command that was started last when it was first seen.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

_STOPPED = ("T", "t")
_PATIENCE_S = 0.3
"""For a process that the kernel holds and that can't be stopped; it can't fork either."""
_MOMENT_S = 0.001
_LONGEST = 200
"""Characters of a command line."""


class Family:
    """Seen from the parent of all orphans."""

    def __init__(self) -> None:
        self._leaders: dict[int, int] = {}
        """Numbers of commands by the id of their process session."""
        self._known: dict[tuple[int, str], int] = {}
        """The same by pid and start time of each process that was seen."""
        self._latest = 0

    def add(self, number: int, leader: int) -> None:
        """A command was started."""
        self._leaders[leader] = number
        self._latest = number

    def clear(self) -> None:
        """No process lives."""
        self._leaders.clear()
        self._known.clear()

    def named(self, number: int, most: int) -> list[tuple[int, str]]:
        """Pid and command line of what lives of a command, at most so many."""
        return [(pid, _command_line(pid)) for pid in sorted(self._look(number))[:most]]

    def send(self, number: int, signal_number: int) -> None:
        """Send a signal to all that lives of a command."""
        _send(list(self._look(number)), signal_number)

    def kill(self, number: int) -> None:
        """Kill all of it. It is stopped first: what is stopped can't fork, and a fork bomb runs dry."""
        deadline = time.monotonic() + _PATIENCE_S
        while running := [pid for pid, state in self._look(number).items() if state not in _STOPPED]:
            _send(running, signal.SIGSTOP)
            if time.monotonic() > deadline:
                break
        while (left := list(self._look(number))) and time.monotonic() < deadline + _PATIENCE_S:
            _send(left, signal.SIGKILL)
            time.sleep(_MOMENT_S)

    def kill_largest(self) -> None:
        """Kill the process that holds most memory."""
        sizes = [(_resident(pid), pid) for pid in _pids()]
        if sizes:
            _send([max(sizes)[1]], signal.SIGKILL)

    def _look(self, number: int) -> dict[int, str]:
        """State by pid of all that lives of a command."""
        found = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
        known: dict[tuple[int, str], int] = {}
        of: dict[int, int] = {}
        for pid in sorted(found):  # parents mostly come first
            _, parent, session, began = found[pid]
            owner = self._known.get((pid, began), self._leaders.get(session, of.get(parent, self._latest)))
            known[pid, began] = of[pid] = owner
        self._known = known
        sessions = {session for _, _, session, _ in found.values()}
        self._leaders = {leader: owner for leader, owner in self._leaders.items() if leader in sessions}
        return {pid: found[pid][0] for pid, owner in of.items() if owner == number}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _stat(pid: int) -> tuple[str, int, int, str] | None:
    """State, parent, process session and start time; None where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].decode().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if words[0] in "ZX" else (words[0], int(words[1]), int(words[3]), words[19])


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(_LONGEST).replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _send(pids: list[int], signal_number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, signal_number)
