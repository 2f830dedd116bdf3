"""Take entries from the engine's archives of a hostile container into one archive, within limits."""

import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from typing import IO, Literal

from benchmarks.harbor.container_files import SampleEnded, entries_of
from sandbox.errors import SandboxBroken
from sandbox.result import Value

NEVER_CARRIED = ("/tests", "/logs", "/solution", "/proc", "/sys", "/dev")
"""Folders of the verifier and the engine: an agent's files there are dropped, except artifacts."""
ARTIFACTS_FOLDER = "/logs/artifacts"
"""Folder that is an artifact of every task."""
MAX_BYTES = 4 << 30
MAX_FILES = 200_000
_CHUNK = 1 << 20
MODIFIED, ADDED, DELETED = 0, 1, 2
Kind = Literal["added", "changed", "deleted"]
FileType = Literal["file", "folder", "symlink", "hardlink"]
_TYPES: dict[bytes, FileType] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


class ChangesTooLarge(SandboxBroken):
    """The changes exceed the limits: this is the agent's fault, not the engine's."""


class ChangedPath(Value):
    """Difference of one path between a container and its image."""

    path: str
    """Absolute path."""
    kind: Kind
    type: FileType | None = None
    """None if it is deleted."""
    mode: int = 0
    """Permissions with setuid, setgid and sticky bits."""
    owner: tuple[int, int] = (0, 0)
    """Numbers of user and group."""
    size: int = 0
    target: str = ""
    """Target of a link."""

    @property
    def lends_rights(self) -> bool:
        """Whether the file runs with the rights of its owner or group, by setuid or setgid."""
        return self.type == "file" and bool(self.mode & 0o6000)


def lies_within(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of the folders or below one."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def is_carried(path: str, never: Iterable[str] = NEVER_CARRIED) -> bool:
    """Whether a path is an artifact, or outside of the folders that are never carried."""
    return path.startswith(f"{ARTIFACTS_FOLDER}/") or not lies_within(path, never)


def parents(path: str) -> Iterator[str]:
    """Yield the folders above a path, without the root."""
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path


class ArchiveReader:
    """Collects entries of the engine's archives, within limits."""

    def __init__(
        self,
        kinds: Mapping[str, int],
        archive: tarfile.TarFile,
        *,
        max_bytes: int,
        never: Sequence[str] = NEVER_CARRIED,
        adjust: Callable[[tarfile.TarInfo], None] = lambda entry: None,
    ) -> None:
        """Take `never`, folders to leave out, and `adjust`, which changes owner and rights of an entry."""
        self._kinds, self._archive, self._never, self._adjust = kinds, archive, never, adjust
        self._bytes_left, self._files_left = max_bytes, MAX_FILES
        self.items: dict[str, ChangedPath] = {}
        self.left_out: set[str] = set()

    def reader(
        self,
        parent: str,
        *,
        whole: bool,
        only_first: bool = False,
        is_sample: bool = False,
        is_wanted: Callable[[str], bool] = lambda path: True,
    ) -> Callable[[IO[bytes]], bool]:
        """Return a function that reads entries from a stream of the engine and returns whether it read all.

        Args:
            parent: folder that the names in the stream are relative to.
            whole: everything in the stream is a change; otherwise only the listed paths are.
            only_first: take the first entry alone.
            is_sample: end early if most of the stream isn't wanted; the caller requests the remainder.
            is_wanted: whether a path is to be taken.
        """

        def read(stream: IO[bytes]) -> bool:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as source, suppress(SampleEnded):
                for path, entry in entries_of(
                    source,
                    parent,
                    lambda path: (whole or path in self._kinds) and is_wanted(path),
                    only_first=only_first,
                    is_sample=is_sample,
                ):
                    self._take(source, entry, path, parent, is_sample=is_sample)
                return True
            return False

        return read

    def _take(
        self, source: tarfile.TarFile, entry: tarfile.TarInfo, path: str, parent: str, *, is_sample: bool
    ) -> None:
        if path == "/" or path in self.items or not is_carried(path, self._never):
            return
        if any(self.items[folder].type != "folder" for folder in parents(path) if folder in self.items):
            self.left_out.add(path)  # it would be written through a link
            return
        file_type = _TYPES.get(entry.type)
        if file_type is None:
            self.left_out.add(path)
            return
        self._bytes_left -= entry.size
        self._files_left -= 1
        if self._bytes_left < 0 or self._files_left < 0:
            raise ChangesTooLarge("The changes of the container exceed the limit of bytes or files.")
        copied = copy(entry)
        copied.name, copied.pax_headers = path.lstrip("/"), without_names(entry.pax_headers)
        self._adjust(copied)
        if file_type == "hardlink":
            target = posixpath.normpath(posixpath.join(parent, entry.linkname.lstrip("/")))
            if target not in self.items:  # its content stayed with a file that didn't change
                if not is_sample:
                    self.left_out.add(path)
                return
            copied.linkname = target.lstrip("/")
        self._archive.addfile(copied, source.extractfile(entry) if entry.isreg() else None)
        self.items[path] = ChangedPath(
            path=path,
            kind="added" if self._kinds.get(path, ADDED) == ADDED else "changed",
            type=file_type,
            mode=copied.mode & 0o7777,
            owner=(copied.uid, copied.gid),
            size=entry.size,
            target=copied.linkname if entry.issym() else "",
        )


def without_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return extended headers without names and sizes, which `tarfile` writes again."""
    return {name: value for name, value in headers.items() if name not in ("path", "linkpath", "size")}
