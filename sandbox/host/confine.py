"""Confine this process itself: for code of ours that reads hostile input."""

import os
import resource

from sandbox.inner.walls import landlock
from sandbox.inner.walls.inner_walls import lower
from sandbox.inner.walls.seccomp import Filter, filter_file
from sandbox.inner.walls.syscalls import PR_SET_NO_NEW_PRIVS, checked, drop_capabilities, prctl


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """Confine this process for good: rlimits, no capabilities, no files (Landlock), no sockets (seccomp).

    A kernel without Landlock or another architecture keeps the rest. Import all that is needed before.

    Raises:
        OSError: a wall that this machine has could not be raised: then nothing hostile may be read.
    """
    calls = filter_file(memfd=False, sockets=False)
    filter_of_calls = Filter(calls) if os.path.exists(calls) else None  # read before files are closed
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for which, value in limits.items():
        lower(which, value)
    drop_capabilities()
    checked(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    landlock.restrict((), version=landlock.abi())
    if filter_of_calls is not None:
        filter_of_calls.load()
