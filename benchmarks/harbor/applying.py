"""Apply changes of one container to a running container of the same image, and read their files."""

import tarfile
from collections.abc import Iterable, Sequence
from copy import copy
from typing import IO

from benchmarks.harbor.archive_reader import ChangedPath, without_names
from benchmarks.harbor.changes import ContainerChanges, spool
from benchmarks.harbor.container import HarborContainer
from sandbox.errors import SandboxBroken

_DELETED_AT_ONCE = 200
_DELETION_S = 120.0
_EMPTY = 'for folder; do [ ! -d "$folder" ] || rm -rf -- "$folder"/* "$folder"/.[!.]* "$folder"/..?*; done'
File = tuple[tarfile.TarInfo, bytes | None]
"""A file with its content; None if it is too large, or no regular file."""


async def apply_changes(
    container: HarborContainer, changes: ContainerChanges, chosen: Sequence[ChangedPath]
) -> None:
    """Apply chosen changes to a running container of the same image. Raises SandboxBroken."""
    if changes.emptied:
        await _empty(container, changes.emptied)
    await remove_paths(container, [change.path for change in chosen if change.kind == "deleted"])
    wanted = {*changes.unchanged, *(change.path for change in chosen if change.kind != "deleted")}
    if not wanted:
        return
    with spool() as file:
        _copy_entries(changes.archive, wanted, file)
        await container.put(file)


async def remove_paths(container: HarborContainer, paths: Sequence[str]) -> None:
    """Remove files and folders from a container to which nothing is applied yet. Raises SandboxBroken."""
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


def file_of(archive: tarfile.TarFile, entry: tarfile.TarInfo, *, max_bytes: int) -> File:
    """Return an entry of an archive with its content."""
    if not entry.isreg() or entry.size > max_bytes:
        return entry, None
    file = archive.extractfile(entry)
    return entry, None if file is None else file.read()


def _copy_entries(source: IO[bytes], wanted: set[str], target: IO[bytes]) -> None:
    """Copy entries of an archive; a link to a file that isn't wanted becomes a copy of the file."""
    source.seek(0)
    with (
        tarfile.open(fileobj=source, mode="r:") as taken,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for entry in taken:
            if f"/{entry.name}" not in wanted:
                continue
            if entry.islnk() and f"/{entry.linkname}" not in wanted:
                linked = taken.getmember(entry.linkname)
                copied = copy(linked)
                copied.name, copied.pax_headers = entry.name, without_names(linked.pax_headers)
                archive.addfile(copied, taken.extractfile(linked))
            else:
                archive.addfile(entry, taken.extractfile(entry) if entry.isreg() else None)
