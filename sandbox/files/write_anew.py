"""Write a file so that nothing of the one before stays: not its rights, and not its other names.

Standard library only, any Python from 3.8 on: Docker's backend has it inside.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterable
from contextlib import suppress


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
