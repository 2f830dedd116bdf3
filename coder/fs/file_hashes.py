"""The regular files of a folder as they were read, with their hashes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One regular file as it was read."""

    content: bytes
    mode: int
    """Permission bits."""
    sha256: str
    link: str | None = None
    """Target of the symlink that was read, as a path; None for a plain file."""

    @classmethod
    def of(cls, content: bytes, *, mode: int = 0o644) -> "SnapshotFile":
        """A file with this content."""
        return cls(content, mode, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All files that were read of a folder."""

    root: Path
    """Absolute, without links; it may not exist yet."""
    files: Mapping[str, SnapshotFile]
    """By path relative to the root, with `/`, sorted."""
    notes: tuple[str, ...] = ()
    """One line for each thing that was left out and that a person might miss."""
    only: str | None = None
    """The one file that was asked for, when it wasn't a folder."""
