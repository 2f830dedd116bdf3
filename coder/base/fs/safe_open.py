"""Open files under a folder without following symlinks.

Every part of a path is opened by itself, relative to the one before: a folder that is swapped for a link
meanwhile is refused. Only regular files are read, so that no pipe or device blocks.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coder.base.errors import UsageError

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class NotRegular(OSError):
    """A link, folder, device, pipe or socket stands where a regular file was expected."""


@contextmanager
def open_folder(root: Path, parts: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder at `root`/`parts`; with `make`, those below root are made.

    Raises:
        NotADirectoryError: a part is a link or no folder.
        OSError: a part isn't there or can't be opened.
    """
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            below = _step(descriptor, part, make=make)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _step(descriptor: int, part: str, *, make: bool) -> int:
    try:
        return open_below(descriptor, part)
    except FileNotFoundError:
        if not make:
            raise
    os.mkdir(part, dir_fd=descriptor)
    os.fsync(descriptor)
    return open_below(descriptor, part)


def open_below(folder: int, name: str) -> int:
    """A descriptor of one folder in an open one; the caller closes it.

    Raises:
        NotADirectoryError: it is a link or no folder.
        OSError: it isn't there or can't be opened.
    """
    return os.open(name, _FOLDER | _NO_LINK, dir_fd=folder)


def read_regular(folder: int, name: str, *, limit: int) -> tuple[bytes, os.stat_result]:
    """At most `limit` + 1 bytes of one regular file in an open folder, and its status.

    Raises:
        NotRegular: it is a link, folder, device, pipe or socket.
        OSError: it isn't there or can't be read.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise NotRegular(f"{name} is not a regular file")  # without opening: that alone can move a device
    descriptor = os.open(name, os.O_RDONLY | _NO_LINK, dir_fd=folder)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(f"{name} is not a regular file")
        content = file.read(min(limit, status.st_size) + 1)  # room for the limit costs more than the file
        if len(content) > status.st_size:  # it grows, or doesn't know its size
            content += file.read(limit + 1 - len(content))
        return content, status


def read_named(path: Path, *, limit: int) -> bytes:
    """Read a regular file that the user has named.

    Raises:
        UsageError: it can't be read, isn't a regular file, or has more than `limit` bytes.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} isn't a regular file.")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > limit:
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit:,} bytes"
        raise UsageError(f"{path} is larger than {size}.")
    return content
