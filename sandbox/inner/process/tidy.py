"""Remove what an earlier run left outside of the workspace."""

from __future__ import annotations

import ctypes
import os

from sandbox.files.workspace import Workspace
from sandbox.inner.walls.syscalls import libc

_OPEN_TO_ALL = 0o1777
_REMOVE = 0
_QUEUES = "/dev/mqueue"
_SYSTEM_V = {"shm": "shmctl", "msg": "msgctl", "sem": "semctl"}


def is_tidy(folders: list[str]) -> bool:
    """Whether there is nothing to remove; False also if that can't be determined."""
    queues = [_QUEUES] if os.path.isdir(_QUEUES) else []
    try:
        used = any(map(os.listdir, [*folders, *queues]))
    except OSError:  # a program has closed its folder
        return False
    return not used and not any(map(_numbers, _SYSTEM_V))


def tidy(folders: list[str]) -> None:
    """Empty folders owned by this uid, and remove its queues, shared memory and semaphores."""
    for folder in folders:
        _empty(folder)
    if os.path.isdir(_QUEUES):
        for name in os.listdir(_QUEUES):
            os.unlink(f"{_QUEUES}/{name}")
    for kind, call in _SYSTEM_V.items():
        for number in _numbers(kind):
            arguments = (number, 0, _REMOVE, 0) if kind == "sem" else (number, _REMOVE, None)
            getattr(libc, call)(*map(_plain, arguments))


def _empty(folder: str) -> None:
    workspace = Workspace(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), os.getuid())
    try:
        workspace.remove(".")
    finally:
        workspace.close()
        os.chmod(folder, _OPEN_TO_ALL)


def _numbers(kind: str) -> list[int]:
    """Return the ids of one kind of System V IPC in this namespace."""
    try:
        with open(f"/proc/sysvipc/{kind}") as file:
            return [int(line.split()[1]) for line in list(file)[1:]]
    except FileNotFoundError:
        return []


def _plain(value: int | None) -> object:
    return None if value is None else ctypes.c_int(value)
