"""pid 1 of a run: waits for the program, ends what it left behind, and tells the host how it ended."""

from __future__ import annotations

import os
import resource
import signal
import socket

from sandbox.inner.syscalls import PR_SET_DUMPABLE, checked, prctl
from sandbox.inner.wire import ENDING, READY, close_all_but

_WATCHED = (signal.SIGCHLD, signal.SIGTERM)


def block_signals() -> None:
    """Before the program is forked, so that its end can't be missed."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)


def unblock_signals() -> None:
    """In the program: the signals as a new process has them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)


def reap(program: int, status: socket.socket, *, end_the_rest: bool) -> None:
    """Wait for the program, kill every other process of the run, report, and end.

    SIGTERM from outside of the run (the host, at a limit) ends the program first. Never returns.
    """
    checked(prctl(PR_SET_DUMPABLE, 0), "make the reaper unreadable to the program")
    close_all_but(status.fileno())
    status.send(READY)
    how = _wait_for(program)
    if end_the_rest:
        _kill_the_rest()
    used = _children_usage()
    try:
        status.send(ENDING.pack(how, *used))
    except OSError:
        os._exit(1)  # the host is gone: there is nobody to tell
    os._exit(0)


def _wait_for(program: int) -> int:
    while True:
        while True:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == program:
                return how
            if pid == 0:
                break
        signalled = signal.sigwaitinfo(_WATCHED)
        if signalled.si_signo == signal.SIGTERM and signalled.si_pid == 0:  # pid 0: sent from outside
            os.kill(program, signal.SIGKILL)


def _kill_the_rest() -> None:
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return  # nobody was left, or nobody is left now


def _children_usage() -> tuple[int, int, int]:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(usage.ru_utime * 1e6), int(usage.ru_stime * 1e6), usage.ru_maxrss
