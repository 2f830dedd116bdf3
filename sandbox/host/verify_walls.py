"""Before a child is lent, the host looks at it from outside: what the child says of itself proves nothing."""

import os
from collections.abc import Collection

from sandbox.errors import SandboxBroken

NAMESPACES = ("user", "pid", "mnt", "ipc", "net", "uts")
_WANTED = {
    "CapEff": ("capabilities", "0000000000000000"),
    "NoNewPrivs": ("no_new_privs", "1"),
    "Seccomp": ("seccomp", "2"),
}
_PAGE = 1 << 16
"""Bytes, far more than the kernel has to say of a process: its name is cut and escaped."""


def namespaces_of(pid: int | str, *, without: Collection[str] = ()) -> dict[str, str]:
    """Identity of each namespace of a process, by its kind, but for those that don't matter.

    To look at another user's, even root needs the capability to trace it, which a container's root lacks.
    """
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACES if kind not in without}


def verify(pid: int, *, apart_from: Collection[dict[str, str]], without: frozenset[str]) -> None:
    """See for ourselves that a process has no privileges and shares no namespace.

    Args:
        pid: the process, as the host numbers it.
        apart_from: namespaces of those that it must be parted from: the host's and the server's.
        without: mechanisms that a test has turned off.

    Raises:
        SandboxBroken: something isn't as it must be; the message says what.
    """
    status = _status_of(pid)
    for field, (mechanism, wanted) in _WANTED.items():
        found = status.partition(f"\n{field}:\t")[2].partition("\n")[0]
        if mechanism not in without and found != wanted:
            raise SandboxBroken(f"A child of the sandbox has {field} {found}, not {wanted}: not lent.")
    mine = namespaces_of(pid, without=without)
    for other in apart_from:
        shared = [kind for kind in mine if mine[kind] == other[kind]]
        if shared:
            raise SandboxBroken(f"A child of the sandbox shares namespaces ({', '.join(shared)}): not lent.")


def _status_of(pid: int) -> str:
    descriptor = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _PAGE).decode("ascii", "replace")
    finally:
        os.close(descriptor)
