"""Kill all descendants of this process without a pid namespace, and inspect processes in /proc.

As a subreaper, this process adopts orphans. All are stopped before any is killed: a stopped process can't
fork but counts against the process limit, so a fork bomb runs dry.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from sandbox.inner.walls.syscalls import checked, prctl

_PR_SET_CHILD_SUBREAPER = 36
_STOPPED = ("T", "t", "Z", "X")
_KILLED = 1 << (signal.SIGKILL - 1)
_FLAGS_INDEX, _PF_EXITING = 5, 0x4
"""Index of the kernel's flags in /proc/PID/stat after the state, and the flag of an exiting process."""
_STATUS = 1 << 16
_PATIENCE_S = 0.3
"""Seconds for a process blocked in the kernel: it can't be stopped, nor fork."""


def become_subreaper() -> None:
    """Adopt orphaned descendants from now on."""
    checked(prctl(_PR_SET_CHILD_SUBREAPER, 1), "become a subreaper")


def child_exit_descriptor() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    woken, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    return woken


def stop_all(look: Callable[[], dict[int, str]], *, clock: Callable[[], float] = time.monotonic) -> None:
    """Stop the processes in `look()` (state by pid) until none is running.

    `clock`: measures the wait for a process that can't be stopped. On a busy machine a fork bomb leaves
    this process little time, and `time.process_time` doesn't count what others take.
    """
    deadline = clock() + _PATIENCE_S
    while running := [pid for pid, state in look().items() if state not in _STOPPED]:
        for pid in running:
            send(pid, signal.SIGSTOP)
        if clock() > deadline:
            break


def end_descendants(*, spared: frozenset[int] = frozenset()) -> None:
    """Kill and reap all descendants, except the `spared` children and their descendants."""
    stop_all(lambda: {pid: state_of(pid) for pid in below(os.getpid(), spared)})
    while descendants := below(os.getpid(), spared):
        for pid in descendants:
            send(pid, signal.SIGKILL)
        for pid in children_of(os.getpid()):
            if pid not in spared:
                _reap(pid)


def end_all_of(uid: int) -> None:
    """Kill every process of a uid that nothing else on this machine uses."""

    def look() -> dict[int, str]:
        own = [pid for pid in pids() if status_of(pid).get("Uid", "").split()[:1] == [str(uid)]]
        return {pid: state_of(pid) for pid in own}

    stop_all(look)
    for pid in look():
        send(pid, signal.SIGKILL)


def count_descendants() -> int:
    """Return the number of descendant processes and threads: a process limit counts both."""
    return sum(map(threads_of, below(os.getpid())))


def processes_of(uid: int) -> int:
    """Return the number of visible processes and threads of a uid on this machine."""
    count = 0
    for pid in pids():
        status = status_of(pid)
        if status and int(status["Uid"].split()[0]) == uid:
            count += int(status["Threads"])
    return count


def below(root: int, spared: frozenset[int] = frozenset()) -> list[int]:
    """Return the descendants of a process, except the `spared` ones and their descendants."""
    descendants: list[int] = []
    new = [pid for pid in children_of(root) if pid not in spared]
    while new:
        pid = new.pop()
        descendants.append(pid)
        new += children_of(pid)
    return descendants


def children_of(parent: int) -> list[int]:
    """Return the children of all threads of a process, by their parent's pid if the kernel has no list."""
    children: list[int] = []
    for task in _tasks(parent):
        try:
            with open(f"/proc/{parent}/task/{task}/children") as file:
                children += [int(child) for child in file.read().split()]
        except ProcessLookupError:
            continue  # the thread ended meanwhile
        except FileNotFoundError:
            if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
                return [pid for pid in pids() if (fields := fields_of(pid)) and fields[1] == str(parent)]
    return children


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []


def threads_of(pid: int) -> int:
    """Return the number of threads of a process; 0 if it is dead."""
    return len(_tasks(pid))


def pids() -> list[int]:
    """Return all visible processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def fields_of(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on; None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def status_of(pid: int | str) -> dict[str, str]:
    """Return the fields of /proc/PID/status; empty for a dead process."""
    try:
        descriptor = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return {}
    try:
        content = os.read(descriptor, _STATUS)
    except ProcessLookupError:
        return {}
    finally:
        os.close(descriptor)
    pairs = [line.partition(":") for line in content.decode("utf-8", "replace").split("\n") if line]
    # The first of equal field names counts.
    return {name: value.strip() for name, _, value in reversed(pairs)}


def state_of(pid: int) -> str:
    """Return the state of a process; "X" if it is gone."""
    fields = fields_of(pid)
    return fields[0] if fields else "X"


def resident_pages(pid: int) -> int:
    """Return the resident memory of a process in pages; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def send(pid: int, number: int) -> None:
    """Send a signal if the process still exists."""
    try:  # noqa: SIM105 - `contextlib` would take longer to import than the rest of this module
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _reap(pid: int) -> None:
    try:  # noqa: SIM105
        os.waitpid(pid, 0)
    except ChildProcessError:  # the caller's signal handler was faster
        pass


def is_ending(pid: int, status: dict[str, str]) -> bool:
    """Whether a process is killed, exiting or has ended; `status`: its fields by `status_of`."""
    if any(int(status.get(name, "0"), 16) & _KILLED for name in ("SigPnd", "ShdPnd")):
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in (b"Z", b"X") or bool(int(fields[_FLAGS_INDEX]) & _PF_EXITING)
