"""Apply changes of one container to a running container of the same image, and read their files."""

import tarfile
from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial
from typing import IO

from benchmarks.harbor.archive_reader import ChangedPath, without_names
from benchmarks.harbor.changes import ContainerChanges
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.container_files import File, Write, file_of
from sandbox.errors import SandboxBroken

_DELETED_AT_ONCE = 200
_DELETION_S = 120.0
_EMPTY = 'for folder; do [ ! -d "$folder" ] || rm -rf -- "$folder"/* "$folder"/.[!.]* "$folder"/..?*; done'


async def apply_changes(
    container: HarborContainer, changes: ContainerChanges, chosen: Sequence[ChangedPath]
) -> None:
    """Apply chosen changes to a running container of the same image. Raises SandboxBroken."""
    await container.put(*await begin_changes(container, changes, chosen))


async def begin_changes(
    container: HarborContainer,
    changes: ContainerChanges,
    chosen: Sequence[ChangedPath],
    *,
    more_removed: Sequence[str] = (),
) -> list[Write]:
    """Apply chosen deletions; return functions for the container's `put` that write the other changes.

    Args:
        more_removed: further paths to remove.

    Raises:
        SandboxBroken: the engine failed.
    """
    if changes.emptied:
        await _empty(container, changes.emptied)
    deleted = [change.path for change in chosen if change.kind == "deleted"]
    await _remove(container, [*dict.fromkeys([*more_removed, *deleted])])
    paths = {*changes.unchanged, *(change.path for change in chosen if change.kind != "deleted")}
    return [partial(_copy_entries, changes.archive, paths)] if paths else []


async def _remove(container: HarborContainer, paths: Sequence[str]) -> None:
    """Remove files and folders from a container to which nothing is applied yet."""
    for start in range(0, len(paths), _DELETED_AT_ONCE):
        batch = paths[start : start + _DELETED_AT_ONCE]
        ended = await container.run(["rm", "-rf", "--", *batch], timeout_s=_DELETION_S, user="0")
        if ended.exit_code != 0:
            raise SandboxBroken("Files could not be removed from a fresh container of the image.")


async def _empty(container: HarborContainer, folders: Sequence[str]) -> None:
    ended = await container.run(["sh", "-c", _EMPTY, "sh", *folders], timeout_s=_DELETION_S, user="0")
    if ended.exit_code != 0:
        raise SandboxBroken("Folders of artifacts could not be emptied in the verifier's container.")


def read_files(changes: ContainerChanges, paths: Iterable[str], *, max_bytes: int) -> dict[str, File]:
    """Return files of the changes by path, with their contents."""
    changes.archive.seek(0)
    with tarfile.open(fileobj=changes.archive, mode="r:") as archive:
        return {path: file_of(archive, archive.getmember(path[1:]), max_bytes=max_bytes) for path in paths}


def _copy_entries(source: IO[bytes], wanted: set[str], archive: tarfile.TarFile) -> None:
    """Copy entries of an archive; a link to a file that isn't wanted becomes a copy of the file."""
    source.seek(0)
    with tarfile.open(fileobj=source, mode="r:") as source_archive:
        for entry in source_archive:
            if f"/{entry.name}" not in wanted:
                continue
            if entry.islnk() and f"/{entry.linkname}" not in wanted:
                linked = source_archive.getmember(entry.linkname)
                copied = copy(linked)
                copied.name, copied.pax_headers = entry.name, without_names(linked.pax_headers)
                archive.addfile(copied, source_archive.extractfile(linked))
            else:
                archive.addfile(entry, source_archive.extractfile(entry) if entry.isreg() else None)
