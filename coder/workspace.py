"""The user's folder as a run reads it: one snapshot of its regular files, taken once.

Links are never followed, and what can't or needn't be read is left out with a note. What isn't in the
snapshot was not read, so the run may not overwrite it.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coder.beneath import NotRegular, open_below, open_folder, read_regular
from coder.errors import UsageError

MAX_FILES = 5_000
MAX_BYTES = 64 << 20
MAX_FILE_BYTES = 8 << 20
"""A larger file is left out with a note: no model reads it, and it would fill the sandbox's disk."""

_MAX_DEPTH = 64
_SKIPPED_FOLDERS = {".git", ".hg", ".svn", "node_modules", "__pycache__", "__pypackages__", ".venv", "venv"}
_SKIPPED_FOLDERS |= {".tox", ".nox", ".eggs", ".hypothesis", ".ipynb_checkpoints", ".cache"}
_SKIPPED_ENDINGS = (".pyc", ".pyo", ".swp", "~", ".coder-tmp")
_CACHE_MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")
"""A folder with one of these was made by a tool, whatever its name is: a virtual environment, a cache."""


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One regular file as it was read."""

    content: bytes
    mode: int
    """Permission bits."""
    sha256: str

    @classmethod
    def of(cls, content: bytes, *, mode: int = 0o644) -> "SnapshotFile":
        """A file with this content."""
        return cls(content, mode, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read of the user's folder."""

    root: Path
    """Absolute, without links; it may not exist yet."""
    files: Mapping[str, SnapshotFile]
    """By path relative to the root, with `/`, sorted."""
    notes: tuple[str, ...] = ()
    """One line for each thing that was left out and that a person might miss."""
    only: str | None = None
    """The one file that was asked for, when it wasn't a folder."""


def take_snapshot(
    path: Path,
    *,
    max_files: int = MAX_FILES,
    max_bytes: int = MAX_BYTES,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> Snapshot:
    """Read a folder, or one file. One that is missing is empty: it will be made, a file if it has a suffix.

    Raises:
        UsageError: neither file nor folder, not readable, its parent is missing, or more than the bounds.
    """
    path = path.resolve()
    reader = _Reader(path, max_files, max_bytes, max_file_bytes)
    try:
        if path.is_dir():
            with open_folder(path) as folder:
                reader.walk(folder, "", depth=0)
            return Snapshot(path, dict(sorted(reader.files.items())), tuple(reader.notes))
        if path.exists():
            with open_folder(path.parent) as folder:
                content, status = read_regular(folder, path.name, limit=max_file_bytes)
            reader.take(path.name, content, stat.S_IMODE(status.st_mode), must=True)
            return Snapshot(path.parent, reader.files, (), path.name)
    except NotRegular as error:
        raise UsageError(f"{path} is neither a regular file nor a folder.") from error
    except OSError as error:
        raise UsageError(f"Can't read {path}: {error.strerror}.") from error
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}. Make it with: mkdir -p {path.parent}")
    return Snapshot(path.parent, {}, (), path.name) if path.suffix else Snapshot(path, {})


@dataclass(slots=True)
class _Reader:
    path: Path
    max_files: int
    max_bytes: int
    max_file_bytes: int
    files: dict[str, SnapshotFile] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    taken: int = 0

    def walk(self, folder: int, prefix: str, *, depth: int) -> None:
        """Take what an open folder holds, and what its folders hold."""
        with os.scandir(folder) as entries:
            kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        if prefix and not kinds.keys().isdisjoint(_CACHE_MARKS):
            return
        for name, is_folder in sorted(kinds.items()):
            path = prefix + name
            try:
                name.encode()
                if is_folder:
                    self._enter(folder, name, path, depth)
                elif not name.endswith(_SKIPPED_ENDINGS) and name not in _SKIPPED_FOLDERS:
                    self._read(folder, name, path)
            except UnicodeEncodeError:
                shown = path.encode("utf-8", "backslashreplace").decode()
                self.notes.append(f"{shown}: left out, its name is not UTF-8")
            except FileNotFoundError:
                continue  # removed since the folder was listed
            except (NotRegular, NotADirectoryError):
                self.notes.append(f"{path}: left out, not a regular file (links are not followed)")
            except OSError as error:
                self.notes.append(f"{path}: left out, {error.strerror}")

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        if name in _SKIPPED_FOLDERS or (name.startswith(".") and name.endswith("_cache")):
            return
        if depth == _MAX_DEPTH:
            self.notes.append(f"{path}: left out, more than {_MAX_DEPTH} folders deep")
            return
        below = open_below(folder, name)
        try:
            self.walk(below, f"{path}/", depth=depth + 1)
        finally:
            os.close(below)

    def _read(self, folder: int, name: str, path: str) -> None:
        content, status = read_regular(folder, name, limit=self.max_file_bytes)
        self.take(path, content, stat.S_IMODE(status.st_mode))

    def take(self, path: str, content: bytes, mode: int, *, must: bool = False) -> None:
        """Keep one file, unless it is too large.

        Raises:
            UsageError: it is one more than the bounds allow, or too large and `must` be kept.
        """
        if len(content) > self.max_file_bytes:
            if must:
                raise UsageError(
                    f"{self.path} has more than {self.max_file_bytes:,} bytes, the most we read."
                )
            self.notes.append(f"{path}: left out, more than {self.max_file_bytes:,} bytes")
            return
        self.taken += len(content)
        if len(self.files) == self.max_files or self.taken > self.max_bytes:
            raise UsageError(
                f"{self.path} holds more than the {self.max_files:,} files or {self.max_bytes:,} bytes that "
                f"a run reads. Name a smaller folder, or a file."
            )
        self.files[path] = SnapshotFile.of(content, mode=mode)
