"""Write, replace or remove a file: after a crash it has the old content or the new one, never a part."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from coder.base.fs.safe_open import open_folder


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Return a context manager of a temporary file that replaces `path` on exit without an error.

    Raises:
        OSError: the disk is full or the folder can't be written; the old file is unchanged.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder_at(path.parent)


def write_beside(
    folder: int, name: str, content: bytes, *, mode: int | None, temporary: str, new_mode: int = 0o666
) -> None:
    """Write and sync the new content of the file `name` to a temporary file, with that file's mode and owner.

    Args:
        folder: descriptor of the folder.
        mode: permission bits if `name` doesn't exist yet; None: `new_mode` without the bits of the umask.
        temporary: name of the temporary file, for `put_in_place`.

    Raises:
        OSError: the disk is full or the folder can't be written; nothing is left behind.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(temporary, flags, new_mode, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _take_over(descriptor, folder, name, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        clean_up(folder, [temporary])
        raise


def put_in_place(folder: int, temporary: str, name: str) -> None:
    """Rename a temporary file to `name` and sync. Raises OSError if `name` is a folder or isn't writable."""
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    sync_folder(folder)


def set_mode(folder: int, name: str, mode: int) -> None:
    """Set a file's permission bits. Raises OSError if it is missing, foreign or a link (not followed)."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def remove(folder: int, name: str) -> None:
    """Remove a file and sync the folder. Raises OSError if it is missing or the folder isn't writable."""
    os.unlink(name, dir_fd=folder)
    sync_folder(folder)


def clean_up(folder: int, names: Iterable[str]) -> None:
    """Remove temporary files that a killed process left behind."""
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _take_over(descriptor: int, folder: int, name: str, mode: int | None) -> None:
    """Give the new file the mode and owner of the file `name` that it will replace."""
    try:
        old_status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        if mode is not None:
            os.fchmod(descriptor, mode)
        return
    new_status = os.fstat(descriptor)
    if (old_status.st_uid, old_status.st_gid) != (new_status.st_uid, new_status.st_gid):
        # Only root may change an owner; otherwise the file becomes the user's, as with editors that rename.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old_status.st_uid, old_status.st_gid)
    os.fchmod(descriptor, old_status.st_mode & 0o777)  # without setuid: the content has changed


def sync_folder(descriptor: int) -> None:
    """Sync the names in an open folder, if the system can sync folders."""
    if os.name == "posix":
        os.fsync(descriptor)


def sync_folder_at(path: Path) -> None:
    """Sync the names in the folder at a path, if the system can sync folders."""
    if os.name == "posix":
        with open_folder(path) as descriptor:
            os.fsync(descriptor)
