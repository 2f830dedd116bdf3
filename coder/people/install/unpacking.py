"""Unpack an archive of untrusted code with limits: only files, folders and links that stay inside."""

import os
import posixpath
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

from coder.base.errors import MachineError

MAX_FILES = 200_000
MAX_BYTES = 1 << 30
_MAX_DEPTH = 64
_MAX_PATH_CHARACTERS = 1024
_CHUNK_BYTES = 1 << 20


def unpack(archive: IO[bytes], folder: Path, *, tops: Collection[str], most_bytes: int = MAX_BYTES) -> int:
    """Unpack an uncompressed tar into a folder without replacing files; return the number of bytes.

    Args:
        tops: top-level folders to unpack; other entries are skipped.
        most_bytes: limit for all files together.

    Raises:
        MachineError: the file is no archive, or exceeds a limit.
    """
    count = size = 0
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            for entry in tar:
                count, size = count + 1, size + max(0, entry.size)
                if count > MAX_FILES or size > most_bytes:
                    raise MachineError(
                        f"What was installed is more than is kept here ({MAX_FILES:,} files, "
                        f"{most_bytes >> 20:,} MiB). Install it into .venv yourself."
                    )
                if _is_plain(entry.name) and entry.name.split("/")[0] in tops:
                    _unpack_entry(tar, entry, folder)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise MachineError(f"What was installed can't be read: {error}.") from error
    return size


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return len(name) <= _MAX_PATH_CHARACTERS and len(parts) <= _MAX_DEPTH and not {"", ".", ".."} & set(parts)


def _unpack_entry(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    path = folder / entry.name
    if not _was_unpacked(folder, path.parent) or path.is_symlink() or path.exists():
        return
    if entry.isdir():
        path.mkdir()
        path.chmod(0o755)
    elif entry.issym() and _stays_inside(entry):
        path.symlink_to(entry.linkname)
    elif entry.isreg():
        content = archive.extractfile(entry)
        assert content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        mode = 0o755 if entry.mode & 0o100 else 0o644
        with open(os.open(path, flags, mode), "wb") as file:
            while chunk := content.read(_CHUNK_BYTES):
                file.write(chunk)
            os.fchmod(file.fileno(), mode)  # independent of the umask
            file.flush()
            seconds = min(max(int(entry.mtime), 0), 1 << 32)
            os.utime(file.fileno(), (seconds, seconds))  # compiled modules depend on the time


def _was_unpacked(folder: Path, parent: Path) -> bool:
    """Return whether a folder was unpacked before and no part of its path is a link."""
    while parent != folder:
        if parent.is_symlink() or not parent.is_dir():
            return False
        parent = parent.parent
    return True


def _stays_inside(entry: tarfile.TarInfo) -> bool:
    """Return whether a link's target is inside, wherever other links lead.

    The link's parent folders are no links, so the target may start with `..`. It may not climb after going
    down, since the folder that it climbs from may be a link.
    """
    _, *parents = entry.name.split("/")
    if not parents or posixpath.isabs(entry.linkname) or len(entry.linkname) > _MAX_PATH_CHARACTERS:
        return False
    parts = [part for part in entry.linkname.split("/") if part not in ("", ".")]
    climb_count = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return climb_count <= len(parents) and ".." not in parts[climb_count:]
