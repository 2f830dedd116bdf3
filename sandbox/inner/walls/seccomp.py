"""Load the system call filter that tools/make_seccomp.py made for this architecture."""

from __future__ import annotations

import ctypes
import os

from sandbox.inner.walls.syscalls import PR_SET_SECCOMP, SECCOMP_MODE_FILTER, checked, prctl


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class Filter:
    """A filter, read once by the server and loaded by each child."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            content = file.read()
        self._content = ctypes.create_string_buffer(content, len(content))
        self._program = _Program(len(content) // 8, ctypes.addressof(self._content))

    def load(self) -> None:
        """Filter this process permanently; needs no_new_privs."""
        checked(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program)), "seccomp")


def filter_file(*, memfd: bool, sockets: bool = True) -> str:
    """Path of the filter for this machine.

    Args:
        memfd: Allow memory that belongs to no process; False if no cgroup counts it.
        sockets: False without namespaces: no sockets but pairs, no IPC, no memfd, no setting of other
            processes' limits.
    """
    variant = "-nosockets" if not sockets else "" if memfd else "-nomemfd"
    return os.path.join(
        os.path.dirname(os.path.abspath(__file__)), f"seccomp-{os.uname().machine}{variant}.bpf"
    )
