"""Read and write files of a container by the engine's archives, also while it is paused or stopped.

An engine may start a program for each archive, so files that are read or written together share one.
"""

import asyncio
import io
import posixpath
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, TypeVar, cast

from sandbox.docker.engine import Engine
from sandbox.errors import SandboxBroken

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
Write = Callable[[tarfile.TarFile], None]
"""Function that adds entries to an archive; it is called in a thread."""
File = tuple[tarfile.TarInfo, bytes | None]
"""An entry with its content; None if it is too large, or no regular file."""
_MISSING = 404
_SLOW_S = 600
_CHUNK = 1 << 20
_SPOOLED_BYTES = 4 << 20
_MOST_ENTRIES, _MOST_BYTES = 500, 4 << 20
"""Limits on other content of a folder's archive; beyond them, each wanted file is requested by itself."""


class SampleEnded(Exception):
    """The archive of a folder has too much unwanted content."""


class ContainerFiles:
    """Files of one container of an engine."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name

    async def put(self, *writes: Write) -> None:
        """Write entries into one archive, in this order, and extract it at the root of the container."""
        if not writes:
            return

        def act(api: "APIClient") -> None:
            packed.seek(0)
            url = f"{api.base_url}/v{api.api_version}/containers/{self.name}/archive"
            answer = api.put(url, params={"path": "/"}, data=packed, timeout=_SLOW_S)
            answer.raise_for_status()

        with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as packed:
            await asyncio.to_thread(pack, packed, writes)
            await self.engine.ask("put files into a container", act)

    async def with_archive(self, path: str, read: Callable[[IO[bytes]], T]) -> T | None:
        """Read the engine's tar stream of a path in a thread; None if there is no such path."""
        return await self._stream("archive", {"path": path}, read)

    async def with_export(self, read: Callable[[IO[bytes]], T]) -> T | None:
        """Read the engine's tar stream of the whole file system, without volumes, in a thread."""
        return await self._stream("export", {}, read)

    async def _stream(self, what: str, params: dict[str, str], read: Callable[[IO[bytes]], T]) -> T | None:
        def act(api: "APIClient") -> T | None:
            from urllib3.exceptions import HTTPError

            url = f"{api.base_url}/v{api.api_version}/containers/{self.name}/{what}"
            plain = {"Accept-Encoding": "identity"}
            with api.get(url, params=params, headers=plain, stream=True, timeout=_SLOW_S) as answer:
                if answer.status_code == _MISSING:
                    return None
                answer.raise_for_status()
                try:
                    return read(cast(IO[bytes], answer.raw))
                except (HTTPError, tarfile.TarError) as error:
                    raise SandboxBroken(f"The engine's archive of {params} broke off: {error}") from error

        return await self.engine.ask("read files of a container", act)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes | None:
        """Return at most `max_bytes` from the end of a regular file; None if there is no such file."""

        def read(stream: IO[bytes]) -> bytes | None:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                entry = archive.next()
                return None if entry is None else _end_of(archive, entry, max_bytes)

        return await self.with_archive(path, read)

    async def read_ends(self, folder: str, limits: Mapping[str, int]) -> dict[str, bytes]:
        """Return the ends of regular files of a folder by name; `limits` has the maximum bytes of each."""
        ends = dict[str, bytes]()

        def read(stream: IO[bytes]) -> bool:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as source, suppress(SampleEnded):
                has_links = False
                for path, entry in entries_of(source, "/", names_by_path.__contains__, is_sample=True):
                    has_links |= entry.islnk()  # by itself, it has a content
                    if (end := _end_of(source, entry, limits[names_by_path[path]])) is not None:
                        ends[names_by_path[path]] = end
                return not has_links
            return False

        # With a dot, a link to a folder is followed, as it is in the path of a file.
        names_by_path = {f"/{name}": name for name in limits}
        if await self.with_archive(f"{folder}/.", read) is False:
            for name in limits.keys() - ends.keys():
                if (end := await self.read_file(f"{folder}/{name}", max_bytes=limits[name])) is not None:
                    ends[name] = end
        return ends

    async def read_entries(self, paths: Iterable[str], *, max_bytes: int) -> dict[str, File]:
        """Return existing entries by path, with the contents of files of at most `max_bytes`.

        A folder is read together with the paths below it.
        """
        remaining_paths, entries = {*paths}, dict[str, File]()

        def read(stream: IO[bytes], parent: str, only_first: bool) -> None:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as source, suppress(SampleEnded):
                for path, entry in entries_of(
                    source, parent, remaining_paths.__contains__, only_first=only_first, is_sample=True
                ):
                    if not entry.islnk():  # by itself, it has a content
                        entries[path] = file_of(source, entry, max_bytes=max_bytes)

        for path, has_others in in_folders(remaining_paths):
            if path not in entries:
                parent = posixpath.dirname(path)
                await self.with_archive(path, partial(read, parent=parent, only_first=not has_others))
        return entries


def in_folders(paths: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield each path, before the paths below it, and whether there are paths below it."""
    ordered = sorted(paths, key=lambda path: path.split("/"))
    for path, following in zip(ordered, [*ordered[1:], ""], strict=False):
        yield path, following.startswith(f"{path}/")


def entries_of(
    source: tarfile.TarFile,
    parent: str,
    is_wanted: Callable[[str], bool],
    *,
    only_first: bool = False,
    is_sample: bool = False,
) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Yield wanted entries of a stream by absolute path.

    Args:
        parent: folder that the names in the stream are relative to.
        only_first: end after the first entry.
        is_sample: whether to end early if most of the stream isn't wanted.

    Raises:
        SampleEnded: most of the stream isn't wanted, and its remainder isn't read.
    """
    entries = size = 0
    for entry in source:
        path = posixpath.normpath(posixpath.join(parent, entry.name.lstrip("/")))
        if is_wanted(path):
            yield path, entry
        else:
            entries, size = entries + 1, size + entry.size
        if only_first:
            return
        if is_sample and (entries > _MOST_ENTRIES or size > _MOST_BYTES):
            raise SampleEnded


def file_of(archive: tarfile.TarFile, entry: tarfile.TarInfo, *, max_bytes: int) -> File:
    """Return an entry of an archive with its content."""
    if not entry.isreg() or entry.size > max_bytes:
        return entry, None
    file = archive.extractfile(entry)
    return entry, None if file is None else file.read()


def _end_of(archive: tarfile.TarFile, entry: tarfile.TarInfo, max_bytes: int) -> bytes | None:
    file = archive.extractfile(entry) if entry.isreg() else None
    if file is None:
        return None
    end = b""
    while chunk := file.read(_CHUNK):
        end = (end + chunk)[-max_bytes:]
    return end


def write_entries(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Write:
    """Return a function that writes entries, which it takes one by one from the iterable."""

    def write(archive: tarfile.TarFile) -> None:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

    return write


def pack(packed: IO[bytes], writes: Iterable[Write]) -> None:
    """Write entries into one archive, in this order."""
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for write in writes:
            write(archive)
