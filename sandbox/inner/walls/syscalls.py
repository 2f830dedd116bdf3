"""System calls without a Python function, with checked return values."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Collection

NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000
NAMESPACES = {"user": NEWUSER, "pid": NEWPID, "mnt": NEWNS, "ipc": NEWIPC, "net": NEWNET, "uts": NEWUTS}

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2

PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_NAME = 3, 4, 15
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 22, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2
CAP_CHOWN = 0
USUAL_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""Capabilities of root in a Docker container: enough to install packages and to serve, but not to look
into processes that aren't dumpable (SYS_PTRACE, PERFMON, SYS_ADMIN)."""
CLOCK_PROCESS_CPUTIME_ID = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522

_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "timer_create": 222, "timer_settime": 223},
    "aarch64": {"clone": 220, "pivot_root": 41, "timer_create": 107, "timer_settime": 110},
}
"""Architecture-specific numbers of calls without a wrapper in libc."""

libc = ctypes.CDLL(None, use_errno=True)
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
libc.ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p)
libc.prctl.argtypes = (ctypes.c_int, *4 * (ctypes.c_ulong,))
_NO_ARGUMENTS = (0, 0, 0, 0)
for _name in ("capset", "ioctl", "mount", "sigprocmask", "signal", "socket", "syscall"):
    getattr(libc, _name)  # looked up by the server, not by each run


def checked(result: int, what: str) -> int:
    """Return the result of a call; raises OSError, its message beginning with `what`, if it is -1."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def number_of(call: str) -> int:
    """Return the number of a system call on this architecture."""
    return _NUMBERS[os.uname().machine][call]


def clone(flags: int) -> int:
    """Fork into new namespaces; return the child's pid, 0 in the child. The caller has one thread.

    Python and libc don't know of it, so the child does little before it forks again.
    """
    pid: int = libc.syscall(number_of("clone"), ctypes.c_ulong(flags | signal.SIGCHLD), 0, 0, 0, 0)
    return checked(pid, "clone into new namespaces")


def fork() -> int:
    """Call libc's fork(); return the child's pid, 0 in the child. The caller has one thread.

    It skips Python's fork hooks, which take a tenth of a run's time and only matter with several threads.
    """
    return checked(_libc_with_gil.fork(), "fork")


def end_by_cpu_time(seconds: float) -> None:
    """Send this process SIGPROF after `seconds` more of CPU time: never earlier, but some ticks later.

    setitimer(2) and RLIMIT_CPU count whole ticks instead, and may be a third early.
    """
    event = (ctypes.c_int * 16)(0, 0, signal.SIGPROF)  # struct sigevent: value, signal, SIGEV_SIGNAL
    timer = ctypes.c_int()
    status = libc.syscall(number_of("timer_create"), CLOCK_PROCESS_CPUTIME_ID, event, ctypes.byref(timer))
    checked(status, "make a timer")
    whole, rest = divmod(round(seconds * 1e9), 10**9)
    times = (ctypes.c_long * 4)(0, 0, whole, rest)  # struct itimerspec: interval, value
    checked(libc.syscall(number_of("timer_settime"), timer, 0, times, None), "set a timer")


def unshare(flags: int) -> None:
    """Move to new namespaces."""
    checked(libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Call mount(2)."""
    checked(
        libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind and kind.encode(),
            ctypes.c_ulong(flags),
            options and os.fsencode(options),
        ),
        f"mount {kind or ''} on {target}",
    )


def prctl(option: int, *arguments: int) -> int:
    """Call prctl(2) with up to four arguments; missing ones are 0."""
    result: int = libc.prctl(option, *arguments, *_NO_ARGUMENTS[len(arguments) :])
    return result


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def drop_capabilities() -> None:
    """Drop every capability: bounding, ambient, and the three sets of the process."""
    drop_bounding_set()
    checked(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), "clear ambient capabilities")
    header = _CapHeader(LINUX_CAPABILITY_VERSION_3, 0)
    checked(libc.capset(ctypes.byref(header), (_CapData * 2)()), "capset")


def drop_bounding_set() -> None:
    """Drop every capability that a program could still get; needs SETPCAP, and does nothing without it."""
    for capability in range(64):
        if prctl(PR_CAPBSET_DROP, capability) < 0:
            break  # EINVAL: the kernel has no capability of this number


def drop_capability(capability: int) -> None:
    """Drop one capability of this process, for good."""
    header, data = _CapHeader(LINUX_CAPABILITY_VERSION_3, 0), (_CapData * 2)()
    checked(libc.capget(ctypes.byref(header), data), "capget")
    word, bit = divmod(capability, 32)
    for name in ("effective", "permitted", "inheritable"):
        setattr(data[word], name, getattr(data[word], name) & ~(1 << bit))
    checked(libc.capset(ctypes.byref(header), data), "capset")


def keep_capabilities(kept: Collection[int]) -> None:
    """Drop every capability of this process but these, for good."""
    header, data = _CapHeader(LINUX_CAPABILITY_VERSION_3, 0), (_CapData * 2)()
    checked(libc.capget(ctypes.byref(header), data), "capget")
    for word in range(2):
        mask = sum(1 << capability % 32 for capability in kept if capability // 32 == word)
        for name in ("effective", "permitted", "inheritable"):
            setattr(data[word], name, getattr(data[word], name) & mask)
    checked(libc.capset(ctypes.byref(header), data), "capset")


def write_file(path: str, text: str) -> None:
    """Write a file of /proc in a single write(2), as it requires."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
