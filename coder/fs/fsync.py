"""Write a file so that a crash at any moment leaves the old content or the new, never a half."""

import os
from pathlib import Path


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it and have it on the disk.

    Raises:
        OSError: the disk is full or failed.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def sync_folder(descriptor: int) -> None:
    """Have the names in a folder on the disk, where the system can do that for folders."""
    if os.name == "posix":
        os.fsync(descriptor)


def sync_folder_at(path: Path) -> None:
    """Have the names in the folder at a path on the disk, where the system can do that for folders."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
