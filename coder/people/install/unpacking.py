"""Unpack an archive of untrusted code with limits: only files, folders and links that stay inside."""

import os
import posixpath
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

from coder.base.errors import MachineError

MOST_FILES = 200_000
MOST_BYTES = 1 << 30
_DEEPEST = 64
_LONGEST = 1024
_PIECE = 1 << 20


def unpack(archive: IO[bytes], folder: Path, *, tops: Collection[str], most_bytes: int = MOST_BYTES) -> int:
    """Unpack an uncompressed tar into a folder without replacing files; returns the bytes.

    Args:
        tops: the folders at its top that are taken; an entry elsewhere is passed over.
        most_bytes: of all files together.

    Raises:
        MachineError: it is no archive, or holds more than is kept.
    """
    count = size = 0
    try:
        with tarfile.open(fileobj=archive, mode="r:") as opened:
            for entry in opened:
                count, size = count + 1, size + max(0, entry.size)
                if count > MOST_FILES or size > most_bytes:
                    raise MachineError(
                        f"What was installed is more than is kept here ({MOST_FILES:,} files, "
                        f"{most_bytes >> 20:,} MiB). Install it into .venv yourself."
                    )
                if _is_plain(entry.name) and entry.name.split("/")[0] in tops:
                    _take(opened, entry, folder)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise MachineError(f"What was installed can't be read: {error}.") from error
    return size


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return len(name) <= _LONGEST and len(parts) <= _DEEPEST and not {"", ".", ".."} & set(parts)


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    place = folder / entry.name
    if not _is_ours(folder, place.parent) or place.is_symlink() or place.exists():
        return
    if entry.isdir():
        place.mkdir()
        place.chmod(0o755)
    elif entry.issym() and _stays_inside(entry):
        place.symlink_to(entry.linkname)
    elif entry.isreg():
        content = archive.extractfile(entry)
        assert content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        mode = 0o755 if entry.mode & 0o100 else 0o644
        with open(os.open(place, flags, mode), "wb") as file:
            while piece := content.read(_PIECE):
                file.write(piece)
            os.fchmod(file.fileno(), mode)  # whatever our umask is
            file.flush()
            seconds = min(max(int(entry.mtime), 0), 1 << 32)
            os.utime(file.fileno(), (seconds, seconds))  # compiled modules go by it


def _is_ours(folder: Path, parent: Path) -> bool:
    """Whether a folder was unpacked before and no part of its path is a link."""
    while parent != folder:
        if parent.is_symlink() or not parent.is_dir():
            return False
        parent = parent.parent
    return True


def _stays_inside(entry: tarfile.TarInfo) -> bool:
    """Whether a link ends inside, wherever other links lead: its parent folders are no links.

    So it may climb through them, but not once it has gone down: where it would climb from, a link may say.
    """
    _, *beneath = entry.name.split("/")
    if not beneath or posixpath.isabs(entry.linkname) or len(entry.linkname) > _LONGEST:
        return False
    parts = [part for part in entry.linkname.split("/") if part not in ("", ".")]
    climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return climbs <= len(beneath) and ".." not in parts[climbs:]
