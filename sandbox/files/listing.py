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
from sandbox.files.resolve_beneath import FOLDER, Beneath, as_text, parts_of, refuse_errors, walk
from sandbox.files.workspace import Workspace

_REACHED = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags to reach a folder."""


def list_folder(below: Beneath, path: str) -> list[dict[str, Any]]:
    """Return the fields of an Entry for each name of a folder, sorted by name."""
    with below.as_owner(), refuse_errors(path):
        folder = below.open(_normalize(path), FOLDER)
        try:
            entries = [_describe(folder, name) for name in os.listdir(folder)]
        finally:
            os.close(folder)
    return sorted(filter(None, entries), key=lambda fields: str(fields["name"]))


def describe_entry(below: Beneath, path: str) -> dict[str, Any]:
    """Return the fields of an Entry for a path; "." is the workspace. Raises FileRefused as `stat`."""
    folders, _, name = _normalize(path).rpartition("/")
    with below.as_owner(), refuse_errors(path):
        folder = below.open(folders or ".", _REACHED)
        try:
            fields = _describe(folder, name)
        finally:
            os.close(folder)
    if fields is None:
        raise FileRefused(f"{path!r} isn't there.", kind="not_found")
    return fields


def check_folder(below: Beneath, path: str) -> None:
    """Check that a folder can be the working directory of a program. Raises FileRefused."""
    with below.as_owner(), refuse_errors(path):
        below.open_root_to_us()
        os.close(below.open(f"{_normalize(path)}/.", _REACHED))


def collect(
    workspace: Workspace,
    known_files: Mapping[str, tuple[int, str]],
    *,
    max_files: int,
    max_bytes: int,
    max_depth: int,
) -> Iterator[tuple[str, BinaryIO] | None]:
    """Yield path and content of each file that is new or differs from `known_files`; None for one left out.

    Args:
        known_files: size and SHA-256 (hex) by path.
        max_files: number of files returned.
        max_bytes: their total size.
        max_depth: folders above a file.
    """
    count, bytes_left = 0, max_bytes
    with workspace.below.as_owner(), refuse_errors("."):
        entries = sorted(walk(workspace.below, max_depth=max_depth))
    for path, regular in entries:
        size, sha256 = known_files.get(path, (0, ""))
        try:
            if not regular or count == max_files:
                raise FileRefused(f"{path!r} is no file that can be returned.")
            with workspace.open_regular(path, limit=max(bytes_left, size)) as file:
                length = os.fstat(file.fileno()).st_size
                if sha256 and length == size and digest(file) == sha256:
                    continue
                if length > bytes_left:
                    raise FileRefused(f"{path!r} is too large.")
                file.seek(0)
                yield path, file
        except FileRefused:
            yield None
            continue
        count += 1
        bytes_left -= length


def _normalize(path: str) -> str:
    return "." if path == "." else "/".join(parts_of(path))


def _describe(folder: int, name: str) -> dict[str, Any] | None:
    """Return the fields of an Entry; None if it was removed meanwhile."""
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    return {
        "name": as_text(name),
        "kind": kind,
        "size": status.st_size,
        "executable": kind == "file" and bool(status.st_mode & stat.S_IXUSR),
    }
