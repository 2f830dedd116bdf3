"""Read from the engine what differs between a stopped container and its image, and apply it to a fresh one.

The container is hostile: nothing of it is started, and nothing is unpacked on this machine. Contents go as
they are from one archive into another, sizes are checked before they are read, and a name counts only if the
engine itself listed it as a change.
"""

import posixpath
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass
from typing import IO, Literal

from benchmarks.harbor.container import HarborContainer
from sandbox.errors import SandboxBroken
from sandbox.result import Value
from sandbox.stream.booting import CODE, OUTPUTS

NEVER_CARRIED = ("/tests", "/logs", "/solution", "/proc", "/sys", "/dev")
"""Folders of the verifier and of the engine: whatever an agent wrote there is dropped."""
_OWN_LOG = re.compile(rf"{OUTPUTS}/\d+")
"""Where our agent keeps the output of commands."""
MAX_BYTES = 4 << 30
MAX_FILES = 200_000
MAX_FOLDERS = 256
"""Compare at most so many folders with the image's; others count as changed."""
_CHUNK = 1 << 20
_MOST_REQUESTS = 400
"""Beyond so many paths the whole file system is read once, in place of a request for each."""
_MEMORY_BYTES = 32 << 20
_MODIFIED, _ADDED, _DELETED = 0, 1, 2
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
        """Whether whoever runs this file has the rights of its owner or group."""
        return self.type == "file" and bool(self.mode & 0o6000)


@dataclass(frozen=True, slots=True)
class ContainerChanges:
    """All changes of a container, with the contents in a tar archive of this process."""

    items: tuple[ChangedPath, ...]
    archive: IO[bytes]
    volumes: tuple[str, ...] = ()
    """Mount points whose contents were read whole, as they aren't part of the container's own changes."""
    left_out: tuple[str, ...] = ()
    """Devices, pipes and sockets, and what the engine listed and didn't deliver."""


def lies_within(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of the folders or below one."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


@contextmanager
def no_changes() -> Iterator[ContainerChanges]:
    """Changes of a container in which nothing was done."""
    with tempfile.TemporaryFile() as file:
        tarfile.open(fileobj=file, mode="w").close()
        yield ContainerChanges((), file)


class _Reader:
    """Collects entries of the engine's archives, within limits."""

    def __init__(self, kinds: dict[str, int], archive: tarfile.TarFile, *, max_bytes: int) -> None:
        self._kinds, self._archive = kinds, archive
        self._bytes_left, self._files_left = max_bytes, MAX_FILES
        self.items: dict[str, ChangedPath] = {}
        self.left_out: set[str] = set()

    def reader(self, parent: str, *, whole: bool, only_first: bool = False) -> Callable[[IO[bytes]], None]:
        """Return a function that takes entries from a stream of the engine.

        Args:
            parent: folder that the names in the stream are relative to.
            whole: everything in the stream is a change; otherwise only the listed paths are.
        """

        def read(stream: IO[bytes]) -> None:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as source:
                for entry in source:
                    path = posixpath.normpath(posixpath.join(parent, entry.name.lstrip("/")))
                    if whole or path in self._kinds:
                        self._take(source, entry, path, parent)
                    if only_first:
                        break

        return read

    def _take(self, source: tarfile.TarFile, entry: tarfile.TarInfo, path: str, parent: str) -> None:
        if path == "/" or path in self.items or lies_within(path, NEVER_CARRIED):
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
        if file_type == "hardlink":
            target = posixpath.normpath(posixpath.join(parent, entry.linkname.lstrip("/")))
            if target not in self.items:  # its content stayed with a file that didn't change
                self.left_out.add(path)
                return
            copied.linkname = target.lstrip("/")
        self._archive.addfile(copied, source.extractfile(entry) if entry.isreg() else None)
        self.items[path] = ChangedPath(
            path=path,
            kind="added" if self._kinds.get(path, _ADDED) == _ADDED else "changed",
            type=file_type,
            mode=entry.mode & 0o7777,
            owner=(entry.uid, entry.gid),
            size=entry.size,
            target=copied.linkname if entry.issym() else "",
        )


def without_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return extended headers without names and sizes, which are written anew."""
    return {name: value for name, value in headers.items() if name not in ("path", "linkpath", "size")}


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """Open a temporary file, in memory while it is small."""
    with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as file:
        yield file


@asynccontextmanager
async def read_changes(
    container: HarborContainer, *, max_bytes: int = MAX_BYTES
) -> AsyncIterator[ContainerChanges]:
    """Read the changes of a stopped container, and hold their contents.

    Raises:
        ChangesTooLarge: they exceed the limits.
        SandboxBroken: the engine failed.
    """
    listed = await container.engine.ask("list changes", lambda api: api.diff(container.name)) or []
    kinds = {
        str(item["Path"]): int(item["Kind"])
        for item in listed
        if not lies_within(str(item["Path"]), NEVER_CARRIED)
    }
    if container.recipe.has_agent:
        _forget_agent(kinds)
    if len(kinds) > MAX_FILES:
        raise ChangesTooLarge(f"The container changed {len(kinds):,} paths.")
    with spool() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            reader = _Reader(kinds, archive, max_bytes=max_bytes)
            await _read_contents(container, reader, kinds)
            for volume in container.volumes:
                read = reader.reader(posixpath.dirname(volume), whole=True)
                await container.with_archive(volume, read)
        lost = {path for path, kind in kinds.items() if kind != _DELETED and path != "/"} - {*reader.items}
        # A folder that was deleted and made again is listed as deleted: it is both.
        deleted = [
            ChangedPath(path=path, kind="deleted") for path, kind in sorted(kinds.items()) if kind == _DELETED
        ]
        items = (*deleted, *reader.items.values())
        yield ContainerChanges(items, file, container.volumes, tuple(sorted(lost | reader.left_out)))


def _forget_agent(kinds: dict[str, int]) -> None:
    """Drop our agent's own files, and the folders that were made for them alone."""
    for path in [path for path in kinds if path == CODE or _OWN_LOG.fullmatch(path)]:
        del kinds[path]
    for own in (f"{CODE}/", f"{OUTPUTS}/"):
        folder = posixpath.dirname(own)
        while folder != "/" and not any(other.startswith(f"{folder}/") for other in kinds):
            kinds.pop(folder, None)
            folder = posixpath.dirname(folder)


async def _read_contents(container: HarborContainer, reader: _Reader, kinds: dict[str, int]) -> None:
    added = {path for path, kind in kinds.items() if kind == _ADDED}
    tops = sorted(path for path in kinds if path != "/" and added.isdisjoint(_parents(path)))
    if len(tops) > _MOST_REQUESTS:
        await container.with_export(reader.reader("/", whole=False))
        return
    for path in tops:  # a folder before its content, as they are extracted in this order
        is_added = kinds[path] == _ADDED
        read = reader.reader(posixpath.dirname(path), whole=is_added, only_first=not is_added)
        await container.with_archive(path, read)


def _parents(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) != "/":
        yield path


async def read_folders(container: HarborContainer, paths: Sequence[str]) -> dict[str, ChangedPath]:
    """Return folders of a container by path, without their content."""
    with spool() as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        reader = _Reader(dict.fromkeys(paths, _MODIFIED), archive, max_bytes=MAX_BYTES)
        for path in paths[:MAX_FOLDERS]:
            read = reader.reader(posixpath.dirname(path), whole=False, only_first=True)
            await container.with_archive(path, read)
        return reader.items
