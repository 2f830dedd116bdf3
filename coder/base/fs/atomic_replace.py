"""Write, replace or remove a file: a crash at any moment leaves the old content or the new, never a half."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from coder.base.fs.safe_open import open_folder


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file for a new content; it takes the place of the one at a path once the block has ended well.

    Raises:
        OSError: the disk is full or the folder can't be written; what was there is there still.
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
    """Write and sync a content that will replace `name`, with the mode and owner of that file.

    Args:
        folder: descriptor of the folder.
        mode: permission bits where there is no file now; None leaves them to the umask, from `new_mode`.
        temporary: name for the content until it is put in place.

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
    """Rename over the file of this name, durably. Raises OSError: a folder has it, or no right to write."""
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    sync_folder(folder)


def set_mode(folder: int, name: str, mode: int) -> None:
    """Set permission bits of a file, never over a link. Raises OSError: it is missing, foreign or a link."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def remove(folder: int, name: str) -> None:
    """Remove a file, durably. Raises OSError: it isn't there or the folder can't be written."""
    os.unlink(name, dir_fd=folder)
    sync_folder(folder)


def clean_up(folder: int, names: Iterable[str]) -> None:
    """Remove what a killed writer left behind."""
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _take_over(descriptor: int, folder: int, name: str, mode: int | None) -> None:
    """Give the new file the mode and the owner of the one that it replaces."""
    try:
        old = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        if mode is not None:
            os.fchmod(descriptor, mode)
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        # Only root may give files away; for others the file becomes theirs, as with any editor that renames.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o777)  # without setuid: the content is another one now


def sync_folder(descriptor: int) -> None:
    """Sync the names in an open folder, where the system can sync folders."""
    if os.name == "posix":
        os.fsync(descriptor)


def sync_folder_at(path: Path) -> None:
    """Sync the names in the folder at a path, where the system can sync folders."""
    if os.name == "posix":
        with open_folder(path) as descriptor:
            os.fsync(descriptor)
