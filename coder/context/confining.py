"""Walls around a parser of hostile text: rlimits, no capabilities, no files (Landlock), no sockets (seccomp).

A grammar is a large piece of C that nobody proved right. Whoever takes it over through a source file gets a
process without secrets that can compute for a while, and answer.
"""

import os
import resource
import sys

from sandbox.inner.walls import landlock
from sandbox.inner.walls.inner_walls import lower
from sandbox.inner.walls.seccomp import Filter, filter_file
from sandbox.inner.walls.syscalls import PR_SET_NO_NEW_PRIVS, checked, drop_capabilities, prctl

MEMORY_BYTES = 1 << 30
CPU_S = 120


def give_up_everything() -> None:
    """Confine this process for good. A kernel without Landlock or another architecture keeps the rest.

    Raises:
        OSError: a wall that this machine has could not be raised: then nothing may be parsed.
    """
    calls = filter_file(memfd=False, sockets=False)
    filter_of_calls = Filter(calls) if os.path.exists(calls) else None  # read while files can be
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for which, value in limits.items():
        lower(which, value)
    sys.setrecursionlimit(1_000)
    drop_capabilities()
    checked(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    landlock.restrict((), version=landlock.abi())
    if filter_of_calls is not None:
        filter_of_calls.load()
