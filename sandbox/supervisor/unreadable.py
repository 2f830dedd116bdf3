"""Keep programs of this process's user from reading its environment, memory and open files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.inner.walls.syscalls import PR_GET_DUMPABLE, PR_SET_DUMPABLE, checked, prctl

_counting = threading.Lock()
_before: list[int] = []
"""The state found by each block that keeps this process unreadable."""


@contextmanager
def unreadable() -> Iterator[None]:
    """Context manager that hides environment, memory and open files of this process from its user's programs.

    Root with CAP_SYS_PTRACE can read them anyway.
    """
    with _counting:
        _before.append(prctl(PR_GET_DUMPABLE))
        checked(prctl(PR_SET_DUMPABLE, 0), "make this process unreadable")
    try:
        yield
    finally:
        with _counting:
            before = _before.pop()
            if not _before and before == 1:  # the kernel refuses to set another state
                checked(prctl(PR_SET_DUMPABLE, before), "make this process readable again")
