"""Apply changes of one container to a running container of the same image."""

import tarfile
from collections.abc import Sequence
from copy import copy
from typing import IO

from benchmarks.harbor.changes import ChangedPath, ContainerChanges, spool, without_names
from benchmarks.harbor.container import HarborContainer
from sandbox.errors import SandboxBroken

_DELETED_AT_ONCE = 200
_DELETION_S = 120.0


async def apply_changes(
    container: HarborContainer, changes: ContainerChanges, chosen: Sequence[ChangedPath]
) -> None:
    """Apply chosen changes to a running container of the same image. Raises SandboxBroken."""
    deleted = [change.path for change in chosen if change.kind == "deleted"]
    for start in range(0, len(deleted), _DELETED_AT_ONCE):
        batch = deleted[start : start + _DELETED_AT_ONCE]
        ended = await container.run(["rm", "-rf", "--", *batch], timeout_s=_DELETION_S, user="0")
        if ended.exit_code != 0:
            raise SandboxBroken("Deleted files could not be removed from a fresh container of the image.")
    wanted = {change.path for change in chosen if change.kind != "deleted"}
    if not wanted:
        return
    with spool() as file:
        _copy_entries(changes.archive, wanted, file)
        await container.put(file)


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
