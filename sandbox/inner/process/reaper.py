"""The reaper of a run: wait for the program, kill what it left behind, and report how it ended."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

from sandbox.inner.process.descendants import become_subreaper, end_descendants
from sandbox.inner.process.wire import ENDING, READY, close_all_but
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, libc, prctl

FIRST = 2
"""Pid of the program in its own pid namespace."""
_PR_SET_PDEATHSIG = 1
_WATCHED = (int(signal.SIGCHLD), int(signal.SIGTERM))
_SIG_BLOCK, _SIG_SETMASK, _SIG_DFL, _SIG_IGN = 0, 2, 0, 1
_NONE = (ctypes.c_ulong * 16)()
_MASK = (ctypes.c_ulong * 16)(sum(1 << number - 1 for number in _WATCHED))
libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p


def ignore_children() -> None:
    """In the server: have the kernel reap children, by libc so that Python in a program sees the default."""
    libc.signal(signal.SIGCHLD, _SIG_IGN)


def block_signals() -> None:
    """Block signals before the program is forked, so that its end isn't missed."""
    libc.signal(_WATCHED[0], _SIG_DFL)
    checked(libc.sigprocmask(_SIG_BLOCK, _MASK, None), "block signals")


def unblock_signals() -> None:
    """In the program: restore the signal mask of a new process."""
    checked(libc.sigprocmask(_SIG_SETMASK, _NONE, None), "unblock signals")


def reap(program: int, status: int, *, end_the_rest: bool) -> None:
    """As pid 1 of a run: wait for the program, kill the run's other processes, report and exit.

    SIGTERM from outside the run (the host, at a limit) first kills the program. Never returns.
    """
    _begin(status)
    how = _wait_for(program, outside=True)
    if end_the_rest:
        kill_remaining()
    _report(status, how)


def reap_descendants(program: int, status: int, *, end_the_rest: bool) -> None:
    """As `reap`, without a pid namespace: this process adopts all orphans and finds every descendant.

    SIGTERM comes from the host at a limit, or from the kernel after the keeper's end. Never returns.
    """
    keeper = os.getppid()
    become_subreaper()
    checked(prctl(_PR_SET_PDEATHSIG, signal.SIGTERM), "end with the keeper")
    if os.getppid() != keeper:
        os.kill(program, signal.SIGKILL)
    _begin(status)
    how = _wait_for(program, outside=False)
    if end_the_rest:
        end_descendants()
    _report(status, how)


def _begin(status: int) -> None:
    checked(prctl(PR_SET_DUMPABLE, 0), "make the reaper unreadable to the program")
    close_all_but(status)
    os.write(status, READY)


def _wait_for(program: int, *, outside: bool) -> int:
    """Return the program's wait status; SIGTERM kills it, with `outside` only from another pid namespace."""
    while True:
        while True:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == program:
                return how
            if pid == 0:
                break
        signalled = signal.sigwaitinfo(_WATCHED)
        if signalled.si_signo == signal.SIGTERM and not (outside and signalled.si_pid):
            os.kill(program, signal.SIGKILL)


def kill_remaining() -> None:
    """Kill and reap all other processes of this pid namespace."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return  # nothing is left


def _report(status: int, how: int) -> None:
    """Report to the host how the program ended and what the run used, and exit."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        os.write(
            status, ENDING.pack(how, int(usage.ru_utime * 1e6), int(usage.ru_stime * 1e6), usage.ru_maxrss)
        )
    except OSError:
        os._exit(1)  # the host is gone
    os._exit(0)
