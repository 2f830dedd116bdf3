"""Write, compare and remove one entry of an open folder.

Docker containers load this too: standard library alone, Python 3.8 or newer.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO

from sandbox.files.resolve_beneath import FOLDER, is_attached

FOLDER_MODE, MODES = 0o755, {False: 0o644, True: 0o755}
"""Mode of a folder, and of a file by whether it is executable."""
_PIECE = 1 << 16
"""Bytes that are hashed at once; a larger buffer takes more time than hashing a typical file."""


def write_anew(
    folder: int, name: str, content: bytes | Iterable[bytes], mode: int, owner: tuple[int, int] | None = None
) -> None:
    """Write a file, replacing a regular one of that name; `owner`: uid and gid to set, if permitted.

    Raises OSError if something else has the name.
    """
    with suppress(FileNotFoundError):
        mode_there = os.lstat(name, dir_fd=folder).st_mode
        if not stat.S_ISREG(mode_there):
            code = errno.EISDIR if stat.S_ISDIR(mode_there) else errno.EEXIST
            raise OSError(code, "it is there and isn't a regular file")
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(name, flags, mode, dir_fd=folder), "wb", buffering=0) as file:
        if owner is not None:
            with suppress(PermissionError):
                os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        write_content(content, file)


def write_over(folder: int, name: str, content: bytes | Iterable[bytes], mode: int) -> None:
    """Write a file; an existing regular file keeps its owner and its mode, except for its executable bits.

    It is replaced if it has another hard link or can't be opened for writing, such as a running program.
    Raises OSError if the name isn't that of a regular file.
    """
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return write_anew(folder, name, content, mode)
    kept = _with_executable(stat.S_IMODE(status.st_mode), bool(mode & stat.S_IXUSR))
    descriptor = _open_single(folder, name)
    if descriptor is None:
        return write_anew(folder, name, content, kept, (status.st_uid, status.st_gid))
    with open(descriptor, "wb", buffering=0) as file:
        file.truncate()
        write_content(content, file)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != kept:
            with suppress(PermissionError):  # somebody else's file, whose group we are in
                os.fchmod(descriptor, kept)
    return None


def _open_single(folder: int, name: str) -> int | None:
    """Open a regular file with one name for writing; return None if that is impossible."""
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    return None


def _with_executable(mode: int, executable: bool) -> int:
    """Return the mode, with its executable bits set or cleared if they differ from `executable`."""
    if executable:
        return mode if mode & 0o111 else mode | (mode & 0o444) >> 2
    return mode & ~0o111 if mode & stat.S_IXUSR else mode


def write_content(content: bytes | Iterable[bytes], file: io.FileIO) -> None:
    """Write all of the content."""
    for piece in [content] if isinstance(content, bytes) else content:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) or 0 :]


def is_plain_folder(folder: int, name: str) -> bool:
    """Return whether an entry is a folder as `Workspace.write` makes it."""
    try:
        descriptor = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode) == FOLDER_MODE and not _attributes(descriptor)
    finally:
        os.close(descriptor)


def is_as_written(folder: int, name: str, sha256: str, executable: bool, *, max_bytes: int) -> bool:
    """Return whether a file is as `Workspace.write` makes it, with this content and at most `max_bytes`.

    Its times decide nothing: in a tmpfs, programs can write by a mapping that changes none.
    """
    try:
        # A pipe isn't waited for, and a socket or device isn't opened.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and not _attributes(descriptor)
        if not is_plain or stat.S_IMODE(status.st_mode) != MODES[executable] or status.st_size > max_bytes:
            return False
        if status.st_size >= _PIECE:
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                return digest(file) == sha256
        content = os.read(descriptor, status.st_size + 1)
        return len(content) == status.st_size and hashlib.sha256(content).hexdigest() == sha256
    finally:
        os.close(descriptor)


def _attributes(descriptor: int) -> list[str]:
    """List the extended attributes of a file, except a security module's."""
    try:
        return [name for name in os.listxattr(descriptor) if not name.startswith("security.")]
    except OSError:
        return []  # this file system has none


def digest(file: BinaryIO | io.FileIO) -> str:
    """Return the SHA-256 (hex) of the rest of a file."""
    sha256 = hashlib.sha256()
    while piece := file.read(_PIECE):
        sha256.update(piece)
    return sha256.hexdigest()


def remove_from(folder: int, name: str) -> bool:
    """Remove an entry with everything below, whatever its depth and permissions, without following links.

    Returns False if something is mounted below: it is left, with its parent folders.
    """
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            os.unlink(name, dir_fd=folder)
            return True
        if is_attached(folder, name):
            return False
    except FileNotFoundError:
        return True
    is_incomplete = False
    # A tree can be deeper than paths and descriptors reach, so its folders are moved up, one by one.
    pending = [name]
    while pending:
        current = pending[-1]
        _make_open_to_us(folder, current)
        inner = os.open(current, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        has_mount = False
        try:
            with os.scandir(inner) as entries:
                for number, entry in enumerate(list(entries)):
                    if entry.is_dir(follow_symlinks=False) and is_attached(inner, entry.name):
                        has_mount = True
                    elif entry.is_dir(follow_symlinks=False):
                        new_name = f".removed-{len(pending)}-{number}-{os.urandom(4).hex()}"
                        _make_open_to_us(inner, entry.name)
                        try:
                            os.rename(entry.name, new_name, src_dir_fd=inner, dst_dir_fd=folder)
                            pending.insert(0, new_name)
                        except OSError as error:
                            if error.errno != errno.EXDEV:
                                raise
                            # Below a layer folders can't be moved, and aren't deep (`session_opening.py`).
                            has_mount = not remove_from(inner, entry.name) or has_mount
                    else:
                        os.unlink(entry.name, dir_fd=inner)
        finally:
            os.close(inner)
        if not has_mount:
            os.rmdir(current, dir_fd=folder)
        is_incomplete = is_incomplete or has_mount
        pending.remove(current)
    return not is_incomplete


def _make_open_to_us(folder: int, name: str) -> None:
    """Restore the owner's rights on a folder: a program with our uid may have removed them."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.chmod(f"/proc/self/fd/{descriptor}", 0o700)
    finally:
        os.close(descriptor)
