"""Read the differences between a stopped container and its image from the engine.

The container is hostile: nothing of it is started, and nothing is unpacked on this machine. Contents go as
they are from one archive into another, sizes are checked before they are read, and a name counts only if the
engine itself listed it as a change.
"""

import posixpath
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import IO

from benchmarks.harbor.archive_reader import (
    ADDED,
    DELETED,
    MAX_BYTES,
    MAX_FILES,
    ArchiveReader,
    ChangedPath,
    ChangesTooLarge,
    is_carried,
    parents,
)
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.container_files import in_folders
from sandbox.stream.booting import CODE, OUTPUTS

_OWN_LOG = re.compile(rf"{OUTPUTS}/\d+")
"""Paths of files in which our agent stores the output of commands."""
_MOST_REQUESTS = 400
"""Beyond this many paths, read the whole file system once instead of requesting each path."""
_MEMORY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class ContainerChanges:
    """All changes of a container, with the contents in a tar archive of this process."""

    items: tuple[ChangedPath, ...]
    archive: IO[bytes]
    volumes: tuple[str, ...] = ()
    """Mount points whose contents were read whole, as they aren't part of the container's own changes."""
    left_out: tuple[str, ...] = ()
    """Devices, pipes and sockets, and paths that the engine listed but didn't deliver."""
    unchanged: frozenset[str] = frozenset()
    """Paths of artifacts that equal the image's; they are applied with any choice of changes."""
    emptied: tuple[str, ...] = ()
    """Folders of artifacts; they are emptied in the verifier's container before changes are applied."""


@contextmanager
def no_changes() -> Iterator[ContainerChanges]:
    """Yield the changes of an unused container, which are empty."""
    with tempfile.TemporaryFile() as file:
        tarfile.open(fileobj=file, mode="w").close()
        yield ContainerChanges((), file)


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """Open a temporary file, which is in memory while it is small."""
    with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as file:
        yield file


@asynccontextmanager
async def read_changes(
    container: HarborContainer, *, max_bytes: int = MAX_BYTES
) -> AsyncIterator[ContainerChanges]:
    """Read the changes of a stopped container, with their contents, while the context is open.

    Raises:
        ChangesTooLarge: they exceed the limits.
        SandboxBroken: the engine failed.
    """
    listed = await listed_kinds(container)
    kinds = {path: kind for path, kind in listed.items() if is_carried(path)}
    if container.recipe.has_agent:
        _forget_agent(kinds)
    if len(kinds) > MAX_FILES:
        raise ChangesTooLarge(f"The container changed {len(kinds):,} paths.")
    with spool() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            reader = ArchiveReader(kinds, archive, max_bytes=max_bytes)
            await _read_contents(container, reader, kinds)
            for volume in container.volumes:
                read = reader.reader(posixpath.dirname(volume), whole=True)
                await container.with_archive(volume, read)
        lost = {path for path, kind in kinds.items() if kind != DELETED and path != "/"} - {*reader.items}
        # A folder that was deleted and made again is listed as deleted: it is both.
        deleted = [
            ChangedPath(path=path, kind="deleted") for path, kind in sorted(kinds.items()) if kind == DELETED
        ]
        items = (*deleted, *reader.items.values())
        yield ContainerChanges(items, file, container.volumes, tuple(sorted(lost | reader.left_out)))


async def listed_kinds(container: HarborContainer) -> dict[str, int]:
    """Return the kind of each listed change by path, without those of volumes. Raises SandboxBroken."""
    listed = await container.engine.ask("list changes", lambda api: api.diff(container.name)) or []
    return {str(item["Path"]): int(item["Kind"]) for item in listed}


def _forget_agent(kinds: dict[str, int]) -> None:
    """Drop our agent's own files, and the folders that were made for them alone."""
    for path in [path for path in kinds if path == CODE or _OWN_LOG.fullmatch(path)]:
        del kinds[path]
    for own in (f"{CODE}/", f"{OUTPUTS}/"):
        folder = posixpath.dirname(own)
        while folder != "/" and not any(other.startswith(f"{folder}/") for other in kinds):
            kinds.pop(folder, None)
            folder = posixpath.dirname(folder)


async def _read_contents(container: HarborContainer, reader: ArchiveReader, kinds: dict[str, int]) -> None:
    added = {path for path, kind in kinds.items() if kind == ADDED}
    tops = [path for path in kinds if path != "/" and added.isdisjoint(parents(path))]
    if len(tops) > _MOST_REQUESTS:
        await container.with_export(reader.reader("/", whole=False))
        return
    broken_off = False
    for path, has_others in in_folders(tops):  # a folder first, as they are extracted in this order
        is_added = kinds[path] == ADDED
        is_read = path in reader.items and not (is_added and broken_off)
        if is_read or path in reader.left_out:
            continue
        read = reader.reader(
            posixpath.dirname(path),
            whole=is_added,
            only_first=not is_added and not has_others,
            is_sample=has_others,
        )
        broken_off |= await container.with_archive(path, read) is False
