"""Write a file so that nothing of the one before stays, and see whether it is still as it was written.

Standard library only, any Python from 3.8 on: Docker's backend has it inside.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from sandbox.files.resolve_beneath import FOLDER

FOLDER_MODE, MODES = 0o755, {False: 0o644, True: 0o755}
"""Of a folder, and of a file that is executable or not."""


def write_anew(folder: int, name: str, content: bytes | Iterable[bytes], mode: int) -> None:
    """A new file in an open folder, in place of whatever regular file was there.

    Raises:
        OSError: something else is there, or the system refuses it.
    """
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
    """Write all of it."""
    for piece in [content] if isinstance(content, bytes) else content:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) or 0 :]


def is_plain_folder(folder: int, name: str) -> bool:
    """Whether a name in an open folder is a folder as `Workspace.write` makes one."""
    try:
        descriptor = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode) == FOLDER_MODE and not _attributes(descriptor)
    finally:
        os.close(descriptor)


def is_as_written(folder: int, name: str, sha256: str, executable: bool, *, most: int) -> bool:
    """Whether it is a file as `Workspace.write` makes one, of this content and of `most` bytes at most."""
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
    """What was put on a file beside its rights; a security module's own label isn't."""
    try:
        return [name for name in os.listxattr(descriptor) if not name.startswith("security.")]
    except OSError:
        return []  # this file system has none


def digest(file: io.RawIOBase) -> str:
    """SHA-256 (hex) of what is left of a file."""
    found = hashlib.sha256()
    while piece := file.read(1 << 20):
        found.update(piece)
    return found.hexdigest()
