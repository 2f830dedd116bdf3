"""The reaper of a run without a pid namespace: its own parent of all orphans, and the end of all of them."""

from __future__ import annotations

import os
import signal

from sandbox.inner.process.descendants import become_subreaper, end_descendants
from sandbox.inner.process.reaper import children_usage
from sandbox.inner.process.wire import ENDING, READY, close_all_but
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, prctl

_PR_SET_PDEATHSIG = 1


def reap(program: int, status: int, *, end_the_rest: bool) -> None:
    """Wait for the program, kill every other descendant, report, and end.

    SIGTERM ends the program first: from the host at a limit, or from the kernel when the keeper is gone,
    which has one thread. Never returns.
    """
    keeper = os.getppid()
    become_subreaper()
    checked(prctl(PR_SET_DUMPABLE, 0), "make the reaper unreadable to the program")
    checked(prctl(_PR_SET_PDEATHSIG, signal.SIGTERM), "end with the keeper")
    if os.getppid() != keeper:
        os.kill(program, signal.SIGKILL)
    close_all_but(status)
    os.write(status, READY)
    how = _wait_for(program)
    if end_the_rest:
        end_descendants()
    try:
        os.write(status, ENDING.pack(how, *children_usage()))
    except OSError:
        os._exit(1)  # the host is gone: there is nobody to tell
    os._exit(0)


def processes_of(uid: int) -> int:
    """Processes and threads that a uid has on this machine, as far as we see them."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/status", encoding="ascii", errors="replace") as lines:
                told = dict(line.split(":", 1) for line in lines if line.startswith(("Uid:", "Threads:")))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(told["Uid"].split()[0]) == uid:
            count += int(told["Threads"])
    return count


def _wait_for(program: int) -> int:
    watched = (signal.SIGCHLD, signal.SIGTERM)
    while True:
        while True:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == program:
                return how
            if pid == 0:
                break
        if signal.sigwaitinfo(watched).si_signo == signal.SIGTERM:
            os.kill(program, signal.SIGKILL)
