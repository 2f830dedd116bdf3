"""List, describe and collect files of a workspace without following links.

Docker containers load this too: standard library alone, Python 3.8 or newer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from sandbox.errors import FileRefused
from sandbox.files.folder_entry import digest
from sandbox.files.resolve_beneath import FOLDER, Beneath, as_text, parts_of, told, walk
from sandbox.files.workspace import Workspace

_REACHED = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags to reach a folder."""


def list_folder(below: Beneath, path: str) -> list[dict[str, Any]]:
    """Fields of an Entry for each name of a folder, by name."""
    with below.as_owner(), told(path):
        folder = below.open(_plain(path), FOLDER)
        try:
            found = [_fields(folder, name) for name in os.listdir(folder)]
        finally:
            os.close(folder)
    return sorted(filter(None, found), key=lambda fields: str(fields["name"]))


def look_at(below: Beneath, path: str) -> dict[str, Any]:
    """Fields of an Entry for a path; "." is the workspace. Raises FileRefused: missing, or over a link."""
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
    """Check that a program can begin in a folder."""
    with below.as_owner(), told(path):
        below.open_root_to_us()
        os.close(below.open(f"{_plain(path)}/.", _REACHED))


def collect(
    workspace: Workspace, given: Mapping[str, tuple[int, str]], *, most: int, most_bytes: int, deepest: int
) -> Iterator[tuple[str, BinaryIO] | None]:
    """Path and content of each file that differs from the given ones; None for one that is left out.

    Args:
        given: size and SHA-256 (hex) by path.
        most: number of files returned.
        most_bytes: their total size.
        deepest: folders above a file.
    """
    number, room = 0, most_bytes
    with workspace.below.as_owner():
        entries = sorted(walk(workspace.below, deepest=deepest))
    for path, regular in entries:
        size, sha256 = given.get(path, (0, ""))
        try:
            if not regular or number == most:
                raise FileRefused(f"{path!r} is no file to hand out.")
            with workspace.opened(path, limit=max(room, size)) as file:
                length = os.fstat(file.fileno()).st_size
                if sha256 and length == size and digest(file) == sha256:
                    continue
                if length > room:
                    raise FileRefused(f"{path!r} is too large.")
                file.seek(0)
                yield path, file
        except FileRefused:
            yield None
            continue
        number += 1
        room -= length


def _plain(path: str) -> str:
    return "." if path == "." else "/".join(parts_of(path))


def _fields(folder: int, name: str) -> dict[str, Any] | None:
    """None if it was removed meanwhile."""
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
