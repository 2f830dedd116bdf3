"""Open and list files below one descriptor, over no link or mount point, with the owner's rights.

Every path goes through openat2. Docker containers load this too: standard library alone, Python 3.8 or newer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sandbox.errors import FileFault, FileRefused

_OPENAT2 = 437
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags to open a folder."""
_KINDS: dict[int, FileFault] = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.EISDIR: "is_directory",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EFBIG: "no_room",
    errno.EROFS: "permission",
    errno.ENOSPC: "no_room",
    errno.EDQUOT: "no_room",
}
_OF_THE_PROCESS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
IN_ROOT = 0x10 | _NO_MAGICLINKS
"""Flags of `resolve_in` that make links lead to paths below the root, as in a root directory."""
_LIBC = ctypes.CDLL(None, use_errno=True)
PATH_MAX = 4096
"""Bytes, with the NUL at the end."""


class _How(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def resolve_in(root: int, path: str, flags: int, resolve: int) -> int:
    """Open a path from a descriptor by openat2(2). Raises OSError.

    Args:
        resolve: its RESOLVE_ flags.
    """
    how = _How(flags, 0, resolve)
    descriptor: int = _LIBC.syscall(
        _OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
    )
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return descriptor


class Beneath:
    """The files below one descriptor."""

    def __init__(self, root: int, owner: int, *, in_place: bool = False) -> None:
        """`root` is an O_PATH descriptor, closed by `close`; `owner` the uid of the files.

        `in_place`: the root is the caller's folder, whose permissions stay.
        """
        self._root, self._owner, self._in_place = root, owner, in_place
        self._libc = _LIBC
        self._closing = threading.Lock()

    def close(self) -> None:
        """Close the descriptor. Idempotent."""
        with self._closing:
            if self._root >= 0:
                os.close(self._root)
                self._root = -1

    @property
    def root(self) -> int:
        """The descriptor. Raises FileRefused if it is closed."""
        if self._root < 0:
            raise FileRefused("The sandbox is closed.")
        return self._root

    def open(self, path: str, flags: int, *, below: int | None = None) -> int:
        """Open a plain path below the root, or below another descriptor. Raises FileRefused, OSError."""
        root = self.root if below is None else below
        return resolve_in(root, path, flags, _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH)

    @contextmanager
    def as_owner(self) -> Iterator[None]:
        """Run the `with` block with the owner's file rights in this thread, if this process is root."""
        if os.geteuid() != 0:
            yield
            return
        try:
            self._become(self._owner)
            yield
        finally:
            self._become(0)

    def _become(self, uid: int) -> None:
        for change in (self._libc.setfsgid, self._libc.setfsuid):
            change(uid)
            if change(-1) != uid:  # these two calls report no failure, only the previous value
                raise PermissionError(errno.EPERM, f"could not take the file rights of uid {uid}")

    def open_file(self, path: str, access_mode: int = os.O_RDONLY) -> int:
        """Open a regular file with one name. Raises FileRefused, OSError."""
        descriptor = self.open(path, access_mode | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            os.close(descriptor)
            raise FileRefused(
                f"{path!r} isn't a regular file with one name.",
                kind="is_directory" if stat.S_ISDIR(status.st_mode) else "refused",
            )
        return descriptor

    def open_root_to_us(self, *, without_acl: bool = False) -> None:
        """Restore the owner's permissions on the root; `without_acl` also removes default ACLs."""
        if self._in_place:
            return
        if without_acl:
            with suppress(OSError):  # there is none
                os.removexattr(f"/proc/self/fd/{self._root}", "system.posix_acl_default")
        if self._root >= 0:
            os.chmod(f"/proc/self/fd/{self._root}", 0o700)


def walk(below: Beneath, *, max_depth: int = PATH_MAX) -> Iterator[tuple[str, bool]]:
    """Yield the path of each entry but folders, and whether it is a regular file with a UTF-8 name.

    A folder that is unreadable, or below `max_depth` folders, is yielded instead of its files.
    Raises OSError where this process, not the folder, is the reason.
    """
    pending = [""]
    while pending:
        base = pending.pop()
        try:
            folder = below.open(base or ".", FOLDER)
        except OSError as error:  # removed meanwhile, or closed to its own uid
            if error.errno in _OF_THE_PROCESS:
                raise
            yield base, False
            continue
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = f"{base}/{entry.name}" if base else entry.name
                    if as_text(path) != path or len(os.fsencode(path)) >= PATH_MAX:
                        yield path, False
                    elif not entry.is_dir(follow_symlinks=False):
                        yield path, entry.is_file(follow_symlinks=False)
                    elif is_attached(folder, entry.name):
                        continue
                    elif path.count("/") < max_depth:
                        pending.append(path)
                    else:
                        yield path, False
        finally:
            os.close(folder)


def as_text(path: str) -> str:
    """Return a printable path; it differs from a path that isn't UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_attached(folder: int, name: str) -> bool:
    """Return whether something is mounted on a subfolder of an open folder."""
    return os.lstat(name, dir_fd=folder).st_dev != os.fstat(folder).st_dev


def parts_of(path: str) -> list[str]:
    """Return the names of a relative path. Raises FileRefused if it is invalid."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or not parts or "\0" in path:
        raise FileRefused(f"{path!r} isn't a relative path inside the workspace.")
    if len(os.fsencode(path)) >= PATH_MAX:
        raise FileRefused("The path is longer than 4095 bytes.")
    return parts


@contextmanager
def refuse_errors(path: str) -> Iterator[None]:
    """Turn the system's errors in the `with` block into FileRefused with the path."""
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        crosses_link = isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.EXDEV)
        reason = "it goes over a link" if crosses_link else getattr(error, "strerror", None) or str(error)
        kind = _KINDS.get(error.errno or 0, "refused") if isinstance(error, OSError) else "refused"
        raise FileRefused(f"{path!r}: {reason}.", kind=kind) from error
