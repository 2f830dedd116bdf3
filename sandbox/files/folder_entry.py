"""One name in an open folder: write it anew, compare it with what was written, remove it.

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
"""Bytes that are hashed at once; room for more costs more than most files."""


def write_anew(folder: int, name: str, content: bytes | Iterable[bytes], mode: int) -> None:
    """Write a new file in place of any regular file of that name. Raises OSError: something else is there."""
    with suppress(FileNotFoundError):
        found = os.lstat(name, dir_fd=folder).st_mode
        if not stat.S_ISREG(found):
            fault = errno.EISDIR if stat.S_ISDIR(found) else errno.EEXIST
            raise OSError(fault, "it is there and isn't a regular file")
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(name, flags, mode, dir_fd=folder), "wb", buffering=0) as file:
        os.fchmod(file.fileno(), mode)
        pour(content, file)


def pour(content: bytes | Iterable[bytes], file: io.FileIO) -> None:
    """Write all of the content."""
    for piece in [content] if isinstance(content, bytes) else content:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) or 0 :]


def is_plain_folder(folder: int, name: str) -> bool:
    """Whether it is a folder as made by `Workspace.write`."""
    try:
        descriptor = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode) == FOLDER_MODE and not _attributes(descriptor)
    finally:
        os.close(descriptor)


def is_as_written(folder: int, name: str, sha256: str, executable: bool, *, most: int) -> bool:
    """Whether it is a file as made by `Workspace.write`, with this content and at most `most` bytes."""
    if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
        return False
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return False
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        is_plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and not _attributes(descriptor)
        if not is_plain or stat.S_IMODE(found.st_mode) != MODES[executable]:
            return False
        return found.st_size <= most and digest(file) == sha256


def _attributes(descriptor: int) -> list[str]:
    """Extended attributes of a file, except a security module's."""
    try:
        return [name for name in os.listxattr(descriptor) if not name.startswith("security.")]
    except OSError:
        return []  # this file system has none


def digest(file: BinaryIO | io.FileIO) -> str:
    """SHA-256 (hex) of the rest of a file."""
    found = hashlib.sha256()
    while piece := file.read(_PIECE):
        found.update(piece)
    return found.hexdigest()


def remove_from(folder: int, name: str) -> bool:
    """Remove it with everything below, following nothing, at any depth and with any rights.

    Returns False if something is mounted below: that stays, and so do its parent folders.
    """
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            os.unlink(name, dir_fd=folder)
            return True
        if is_attached(folder, name):
            return False
    except FileNotFoundError:
        return True
    some_stay = False
    # A tree can be deeper than paths and descriptors reach, so its folders are moved up, one by one.
    waiting = [name]
    while waiting:
        top = waiting[-1]
        _make_open_to_us(folder, top)
        inner = os.open(top, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        stays = False
        try:
            with os.scandir(inner) as entries:
                for number, entry in enumerate(list(entries)):
                    if entry.is_dir(follow_symlinks=False) and is_attached(inner, entry.name):
                        stays = True
                    elif entry.is_dir(follow_symlinks=False):
                        moved = f".removed-{len(waiting)}-{number}-{os.urandom(4).hex()}"
                        _make_open_to_us(inner, entry.name)
                        try:
                            os.rename(entry.name, moved, src_dir_fd=inner, dst_dir_fd=folder)
                            waiting.insert(0, moved)
                        except OSError as error:
                            if error.errno != errno.EXDEV:
                                raise
                            # Below a layer folders can't be moved, and aren't deep (`session_opening.py`).
                            stays = not remove_from(inner, entry.name) or stays
                    else:
                        os.unlink(entry.name, dir_fd=inner)
        finally:
            os.close(inner)
        if not stays:
            os.rmdir(top, dir_fd=folder)
        some_stay = some_stay or stays
        waiting.remove(top)
    return not some_stay


def _make_open_to_us(folder: int, name: str) -> None:
    """Restore the owner's rights on a folder: a program with our uid may have removed them."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.chmod(f"/proc/self/fd/{descriptor}", 0o700)
    finally:
        os.close(descriptor)
