"""Collect the artifacts that a task declares, for a verifier with its own container.

As in Harbor, commands of `[[verifier.collect]]` run first, each artifact keeps the path that it has in the
agent's container, and a missing artifact or a failing command is no error. Files are owned by root, without
setuid.
"""

import fnmatch
import posixpath
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from benchmarks.harbor.archive_reader import ARTIFACTS_FOLDER, MAX_BYTES, ArchiveReader, parents
from benchmarks.harbor.changes import ContainerChanges, listed_kinds, spool
from benchmarks.harbor.container import ContainerEnded, HarborContainer
from benchmarks.harbor.schema import MAIN_SERVICE, ArtifactTable, CollectTable

_NEVER = ("/tests", "/logs/verifier", "/solution", "/proc", "/sys", "/dev")
_RIGHTS, _OF_ALL = 0o1777, 0o777


def artifact_tables(declared: Sequence[ArtifactTable]) -> tuple[ArtifactTable, ...]:
    """Return the artifacts with absolute paths, including `ARTIFACTS_FOLDER`, which every task has."""
    tables = [table for table in declared if table.source.startswith("/")]
    if not any(_path_of(table) == ARTIFACTS_FOLDER for table in tables):
        tables.insert(0, ArtifactTable(source=ARTIFACTS_FOLDER))
    return tuple(tables)


def artifact_paths(declared: Sequence[ArtifactTable]) -> tuple[str, ...]:
    """Return the paths of `artifact_tables`."""
    return tuple(map(_path_of, artifact_tables(declared)))


async def run_collecting(container: HarborContainer, commands: Sequence[CollectTable]) -> None:
    """Run commands that save state into files, in the agent's container or a service.

    Raises SandboxBroken if the engine fails.
    """
    for command in commands:
        user = None if command.user is None else str(command.user)
        service = container.services.get(command.service)
        with suppress(ContainerEnded):  # by what the answer left
            await (service or container).run(
                ["bash" if service is None else "sh", "-c", command.command],
                timeout_s=command.timeout_sec,
                user=user,
                ends_container=False,
            )


@asynccontextmanager
async def read_artifacts(
    container: HarborContainer, declared: Sequence[ArtifactTable], *, max_bytes: int = MAX_BYTES
) -> AsyncIterator[ContainerChanges]:
    """Read the artifacts of a stopped or frozen container, with their contents, while the context is open.

    Raises:
        ChangesTooLarge: they exceed the limits.
        SandboxBroken: the engine failed.
    """
    kinds = await listed_kinds(container)
    with spool() as file:
        tops, of_services = list[str](), set[str]()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            reader = ArchiveReader(kinds, archive, max_bytes=max_bytes, never=_NEVER, adjust=_adjust)
            for table in artifact_tables(declared):
                tops.append(top := _path_of(table))
                read = reader.reader(
                    posixpath.dirname(top), whole=True, is_wanted=_filter(top, table.exclude)
                )
                before = {*reader.items}
                service = container.services.get(table.service or MAIN_SERVICE)
                await (service or container).with_archive(top, read)
                if service is not None:
                    of_services |= {*reader.items} - before
        is_volume = _below(container.volumes)
        folders = tuple(top for top in tops if top in reader.items and reader.items[top].type == "folder")
        as_in_image = {*reader.items} - of_services - {*kinds}
        unchanged = {path for path in as_in_image if not is_volume(path)}
        yield ContainerChanges(
            tuple(reader.items.values()),
            file,
            left_out=tuple(sorted(reader.left_out)),
            unchanged=frozenset(unchanged | {*folders}),
            emptied=folders,
        )


def _path_of(table: ArtifactTable) -> str:
    return posixpath.normpath(table.source)


def _below(folders: Sequence[str]) -> Callable[[str], bool]:
    return lambda path: any(folder in folders for folder in (path, *parents(path)))


def _filter(top: str, patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a path is wanted; patterns are those of tar's `--exclude`."""

    def matches(path: str) -> bool:
        parts = path[len(top) :].strip("/").split("/")
        suffixes = ["/".join(parts[first:]) for first in range(len(parts))]
        return any(fnmatch.fnmatchcase(suffix, pattern) for suffix in suffixes for pattern in patterns)

    def is_wanted(path: str) -> bool:
        return path == top or not any(
            matches(each) for each in (path, *parents(path)) if each.startswith(f"{top}/")
        )

    return is_wanted


def _adjust(entry: tarfile.TarInfo) -> None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode &= _RIGHTS
