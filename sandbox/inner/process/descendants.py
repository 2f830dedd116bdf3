"""End every descendant of this process where no pid namespace does it, however they have hidden themselves.

This process is a subreaper: what loses its parent becomes its child. All are stopped before one is killed:
what is stopped can't fork but still counts against the limit on processes, so that a fork bomb runs dry.
"""

from __future__ import annotations

import os
import signal
import time

from sandbox.inner.walls.syscalls import checked, prctl

_PR_SET_CHILD_SUBREAPER = 36
_STOPPED = ("T", "t", "Z", "X")
_PATIENCE_S = 0.3
"""For a process that the kernel holds and that can't be stopped; it can't fork either."""


def become_subreaper() -> None:
    """From here on orphans among our descendants become our children."""
    checked(prctl(_PR_SET_CHILD_SUBREAPER, 1), "become a subreaper")


def end_descendants(*, spared: frozenset[int] = frozenset()) -> None:
    """Kill all descendants and reap them, but for some children and what is below these."""
    deadline = time.monotonic() + _PATIENCE_S
    while running := [pid for pid in _descendants(spared) if _state(pid) not in _STOPPED]:
        for pid in running:
            _send(pid, signal.SIGSTOP)
        if time.monotonic() > deadline:
            break
    while found := _descendants(spared):
        for pid in found:
            _send(pid, signal.SIGKILL)
        for pid in _children(os.getpid()):
            if pid not in spared:
                _reap(pid)


def count_descendants() -> int:
    """How many processes and threads descend from this one, as of now: a limit on processes counts both."""
    return sum(map(_threads, _descendants(frozenset())))


def _descendants(spared: frozenset[int]) -> list[int]:
    found: list[int] = []
    new = [pid for pid in _children(os.getpid()) if pid not in spared]
    while new:
        pid = new.pop()
        found.append(pid)
        new += _children(pid)
    return found


def _children(parent: int) -> list[int]:
    """Children of all threads of a process; by everybody's parent where the kernel keeps no list."""
    try:
        children = []
        for task in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{task}/children") as file:
                children += [int(child) for child in file.read().split()]
        return children
    except ProcessLookupError:
        return []
    except FileNotFoundError:
        if os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
            return []  # it ended meanwhile
        everybody = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in everybody if _field(pid, 1) == str(parent)]


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _state(pid: int) -> str:
    return _field(pid, 0)


def _field(pid: int, number: int) -> str:
    """A field of /proc/PID/stat after the name; "X" where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[number].decode()
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended meanwhile


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # the signal handler of the caller was quicker
