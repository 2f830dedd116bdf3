"""pid 1 of a run: waits for the program, ends what it left behind, and tells the host how it ended."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

from sandbox.inner.process.wire import ENDING, READY, close_all_but
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, libc, prctl

FIRST = 2
"""Pid of the program in a pid namespace of its own: elsewhere that is a thread of the kernel's."""
_WATCHED = (int(signal.SIGCHLD), int(signal.SIGTERM))
_SIG_BLOCK, _SIG_SETMASK, _SIG_DFL, _SIG_IGN = 0, 2, 0, 1
_NONE = (ctypes.c_ulong * 16)()
_MASK = (ctypes.c_ulong * 16)(sum(1 << number - 1 for number in _WATCHED))
libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p


def ignore_children() -> None:
    """In the server: its children are reaped by the kernel, and the host watches them.

    libc is asked, not `signal`: this way Python in a program takes the signal for what it is there.
    """
    libc.signal(signal.SIGCHLD, _SIG_IGN)


def block_signals() -> None:
    """Before the program is forked, so that its end can't be missed."""
    libc.signal(_WATCHED[0], _SIG_DFL)
    checked(libc.sigprocmask(_SIG_BLOCK, _MASK, None), "block signals")


def unblock_signals() -> None:
    """In the program: the signals as a new process has them."""
    checked(libc.sigprocmask(_SIG_SETMASK, _NONE, None), "unblock signals")


def reap(program: int, status: int, *, end_the_rest: bool) -> None:
    """Wait for the program, kill every other process of the run, report, and end.

    SIGTERM from outside of the run (the host, at a limit) ends the program first. Never returns.
    """
    checked(prctl(PR_SET_DUMPABLE, 0), "make the reaper unreadable to the program")
    close_all_but(status)
    os.write(status, READY)
    how = _wait_for(program)
    if end_the_rest:
        _kill_the_rest()
    used = children_usage()
    try:
        os.write(status, ENDING.pack(how, *used))
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


def children_usage() -> tuple[int, int, int]:
    """User and system microseconds of all that was waited for, and the largest resident KiB of one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(usage.ru_utime * 1e6), int(usage.ru_stime * 1e6), usage.ru_maxrss
