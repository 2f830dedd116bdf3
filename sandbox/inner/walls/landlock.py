"""Filters of the kernel: seccomp for system calls; Landlock for files, abstract sockets and signals.

tools/make_seccomp.py makes the seccomp filter. Landlock isn't used below ABI 2, as ABI 1 forbids every rename
between folders.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence

from sandbox.inner.walls.syscalls import PR_SET_SECCOMP, SECCOMP_MODE_FILTER, checked, libc, prctl

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
_RIGHTS_OF_ABI = {2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""File rights by ABI: refer came with 2, truncate with 3, ioctl with 5."""
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 << 15
_SIGNALS, _SCOPES = 2, 3
"""Scopes, from ABI 6: signals, and signals with abstract unix sockets."""
UNSCOPED = 5
"""The newest ABI without these scopes."""

LIST, READ, READ_EXECUTE, DEVICE, EVERYTHING = "list", "read", "read and execute", "device", "everything"


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def abi() -> int:
    """Return the ABI of the kernel's Landlock; 0 without it."""
    version: int = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(version, 0)


def restrict(rules: Sequence[tuple[str, str]], *, version: int) -> None:
    """Confine this process permanently to the paths in `rules`; needs no_new_privs.

    Args:
        rules: Paths with LIST, READ, READ_EXECUTE, DEVICE or EVERYTHING; missing paths are skipped.
        version: ABI to use; below 2 nothing is done.
    """
    if version < 2:
        return
    handled_rights = _RIGHTS_OF_ABI[
        max(ruleset_bytes for ruleset_bytes in _RIGHTS_OF_ABI if ruleset_bytes <= version)
    ]
    ruleset = _Ruleset(handled_rights, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 8
    descriptor = checked(libc.syscall(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(size), 0), "landlock")
    rights = {
        LIST: _READ_DIR,
        READ: _READ_FILE | _READ_DIR,
        READ_EXECUTE: _READ_FILE | _READ_DIR | _EXECUTE,
        DEVICE: _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE | 1 << 15,
        EVERYTHING: handled_rights,
    }
    for path, right in rules:
        try:
            descriptor_beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = rights[right] & handled_rights
        if not stat.S_ISDIR(os.fstat(descriptor_beneath).st_mode):
            allowed &= _ON_FILES
        rule = _PathBeneath(allowed, descriptor_beneath)
        checked(libc.syscall(_ADD, descriptor, 1, ctypes.byref(rule), 0), f"landlock rule for {path}")
        os.close(descriptor_beneath)
    checked(libc.syscall(_RESTRICT, descriptor, 0), "landlock")
    os.close(descriptor)


def restrict_signals(*, version: int) -> None:
    """Keep this process permanently from signalling and tracing processes outside; needs no_new_privs.

    Files and sockets stay open to it. Before ABI 6 nothing is done.
    """
    if version < UNSCOPED + 1:
        return
    ruleset = _Ruleset(0, 0, _SIGNALS)
    descriptor = checked(libc.syscall(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(24), 0), "landlock")
    checked(libc.syscall(_RESTRICT, descriptor, 0), "landlock")
    os.close(descriptor)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class Filter:
    """A seccomp filter, read once by the server and loaded by each child."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            content = file.read()
        self._content = ctypes.create_string_buffer(content, len(content))
        self._program = _Program(len(content) // 8, ctypes.addressof(self._content))

    def load(self) -> None:
        """Filter this process permanently; needs no_new_privs."""
        checked(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program)), "seccomp")


def filter_file(*, memfd: bool, sockets: bool = True) -> str:
    """Return the path of the seccomp filter for this machine.

    Args:
        memfd: Allow memory that belongs to no process; False if no cgroup counts it.
        sockets: False without namespaces: only socket pairs, no IPC, no memfd, no setting of other
            processes' limits.
    """
    variant = "-nosockets" if not sockets else "" if memfd else "-nomemfd"
    return os.path.join(
        os.path.dirname(os.path.abspath(__file__)), f"seccomp-{os.uname().machine}{variant}.bpf"
    )
