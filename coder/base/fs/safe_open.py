"""Open files under a folder without following symlinks.

Each part of a path is opened relative to the part before it, so that a folder that is replaced by a link
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


_MAX_TOML_BYTES = 1 << 20


class NotRegular(OSError):
    """A link, folder, device, pipe or socket was found instead of a regular file."""


@contextmanager
def open_folder(root: Path, parts: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
    """Yield a descriptor of the folder at `root`/`parts`; with `make`, create missing folders below root.

    Raises:
        NotADirectoryError: a part is a link or no folder.
        OSError: a part isn't there or can't be opened.
    """
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            child = _step(descriptor, part, make=make)
            os.close(descriptor)
            descriptor = child
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
    """Return a descriptor of a folder inside an open folder; the caller closes it.

    Raises:
        NotADirectoryError: it is a link or no folder.
        OSError: it isn't there or can't be opened.
    """
    return os.open(name, _FOLDER | _NO_LINK, dir_fd=folder)


def read_regular(folder: int, name: str, *, limit: int) -> tuple[bytes, os.stat_result]:
    """Return at most `limit` + 1 bytes of a regular file in an open folder, and the file's status.

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
        content = file.read(
            min(limit, status.st_size) + 1
        )  # a buffer of `limit` bytes would cost more than the file
        if len(content) > status.st_size:  # the file grows, or its size is unknown
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


def read_toml(path: Path) -> dict[str, object]:
    """Read a user's TOML file; return {} if it is missing. Raises UsageError if it isn't TOML."""
    try:
        content = read_named(path, limit=_MAX_TOML_BYTES)
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return {}
        raise  # the unreadable file may contain a limit
    from coder.base.text.strict_toml import parse_toml  # imported late: most users have no such file

    try:
        return parse_toml(content.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} isn't UTF-8: byte {error.start}") from error
    except ValueError as error:
        raise UsageError(f"{path} isn't valid TOML: {error}") from error
