"""What stands under a path of a workspace, looked at and never followed.

Standard library only, any Python from 3.8 on: Docker's backend has it inside.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from sandbox.errors import FileRefused
from sandbox.files.resolve_beneath import FOLDER, Beneath, as_text, parts_of, told

_REACHED = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags to look below a folder with."""


def list_folder(below: Beneath, path: str) -> list[dict[str, Any]]:
    """Fields of an Entry for each name in one folder, by name.

    Raises:
        FileRefused: it isn't there, isn't a folder, or lies over a link.
    """
    with below.as_owner(), told(path):
        folder = below.open(_plain(path), FOLDER)
        try:
            found = [_fields(folder, name) for name in os.listdir(folder)]
        finally:
            os.close(folder)
    return sorted(filter(None, found), key=lambda fields: str(fields["name"]))


def look_at(below: Beneath, path: str) -> dict[str, Any]:
    """Fields of an Entry for what stands under a path; "." is the workspace.

    Raises:
        FileRefused: it isn't there, or lies over a link.
    """
    folders, _, name = _plain(path).rpartition("/")
    with below.as_owner(), told(path):
        folder = below.open(folders or ".", _REACHED)
        try:
            fields = _fields(folder, name)
        finally:
            os.close(folder)
    if fields is None:
        raise FileRefused(f"{path!r} isn't there.", kind="not_found")
    return fields


def enter(below: Beneath, path: str) -> None:
    """See that a program can begin in a folder.

    Raises:
        FileRefused: it isn't there, isn't a folder, is closed to programs, or lies over a link.
    """
    with below.as_owner(), told(path):
        below.open_root_to_us()
        os.close(below.open(f"{_plain(path)}/.", _REACHED))


def _plain(path: str) -> str:
    return "." if path == "." else "/".join(parts_of(path))


def _fields(folder: int, name: str) -> dict[str, Any] | None:
    """None: it is gone meanwhile."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    return {
        "name": as_text(name),
        "kind": kind,
        "size": found.st_size,
        "executable": kind == "file" and bool(found.st_mode & stat.S_IXUSR),
    }
