"""Confine this process itself, before trusted code reads hostile input."""

import os
import resource

from sandbox.inner.walls import landlock
from sandbox.inner.walls.inner_walls import lower
from sandbox.inner.walls.landlock import Filter, filter_file
from sandbox.inner.walls.syscalls import PR_SET_NO_NEW_PRIVS, checked, drop_capabilities, prctl


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """Confine this process irrevocably: rlimits, no capabilities, no files (Landlock), no sockets (seccomp).

    Landlock and seccomp are skipped where the kernel or architecture lacks them. Import all needed modules
    before.

    Raises:
        OSError: an available wall could not be raised: don't read hostile input.
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
