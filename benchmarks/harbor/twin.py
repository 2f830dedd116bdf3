"""Make a twin of an answer: its changes, but without results in the paths of the task's work.

The files that the task's own solution creates, changes or deletes are the paths of its work. If tests also
pass for the twin, they don't judge the work: a part of the answer hooks, replaces or ends them.
"""

import tarfile
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

from benchmarks.harbor.applying import begin_changes, read_files
from benchmarks.harbor.archive_reader import ChangedPath
from benchmarks.harbor.changes import ContainerChanges
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.container_files import File, Write, write_entries
from benchmarks.harbor.spoiling import MAX_BYTES, spoil
from sandbox.result import Value

MOST_FILES = 64
"""Spoil at most this many files; further files are missing in the twin."""
Form = Literal["spoiled", "missing"]
FORMS: tuple[Form, ...] = ("spoiled", "missing")


class OwnWork(Value):
    """Paths that the task's own solution changes, and the form of twin for which the tests fail."""

    files: frozenset[str] = frozenset()
    """Paths that the solution creates or changes."""
    deleted: frozenset[str] = frozenset()
    form: Form | None = None
    """spoiled: its code returns no results. missing: its files are removed. None: both forms pass."""

    in_history: tuple[str, ...] = ()
    """Files whose solved version is in a git repository of the image."""

    @property
    def paths(self) -> frozenset[str]:
        """All paths that the solution creates, changes or deletes."""
        return self.files | self.deleted


def own_work(changes: Sequence[ChangedPath], unchanged: AbstractSet[str] = frozenset()) -> OwnWork:
    """Return the paths of the task's work from the changes of its own solution, without a form."""
    changes = [change for change in changes if change.path not in unchanged]
    folders = [change for change in changes if change.type == "folder" and change.kind == "added"]
    leaves = frozenset(change.path for change in folders) - {*_parents(changes)}
    files = (change.path for change in changes if change.type not in (None, "folder"))
    deleted = frozenset(change.path for change in changes if change.kind == "deleted")
    return OwnWork(files=leaves.union(files), deleted=deleted)


def within_own_work(changes: Sequence[ChangedPath], own: OwnWork) -> tuple[ChangedPath, ...]:
    """Return the changes at the paths of the task's work, and those of the folders that contain them."""
    chosen = [change for change in changes if change.path in own.paths]
    folders = {*_parents(chosen)}
    return tuple(
        change
        for change in changes
        if change.path in own.paths or (change.type == "folder" and change.path in folders)
    )


async def begin_twin(
    container: HarborContainer, changes: ContainerChanges, chosen: Sequence[ChangedPath], own: OwnWork
) -> list[Write]:
    """Remove the files that a twin of `chosen` lacks from a fresh container; return functions for the rest.

    If none of the solution's files exists, the answer does the work at other paths: then all its files are
    spoiled, or left out if they aren't code.

    Raises SandboxBroken.
    """
    withheld, spoils = own.paths, own.form == "spoiled"
    files = await _own_files(container, changes, chosen, own)
    if not files and own.files:
        others = {change.path for change in chosen if change.type not in (None, "folder")}
        withheld |= others - changes.unchanged
        files, spoils = _of_answer(changes, chosen, withheld), True
    spoiled = _spoiled(files) if spoils else {}
    kept = [change for change in chosen if change.path not in withheld]
    missing = sorted(own.files - {*spoiled})
    writes = await begin_changes(container, changes, kept, more_removed=missing)
    return [*writes, write_entries(spoiled.values())]


async def _own_files(
    container: HarborContainer, changes: ContainerChanges, chosen: Sequence[ChangedPath], own: OwnWork
) -> dict[str, File]:
    """Return the solution's files that the answer has by path, as it changed them, else as in the image."""
    files = _of_answer(changes, chosen, own.files)
    unchanged = sorted(own.files - {change.path for change in chosen})
    in_image = await container.read_entries(unchanged[: MOST_FILES - len(files)], max_bytes=MAX_BYTES)
    return files | in_image


def _of_answer(
    changes: ContainerChanges, chosen: Sequence[ChangedPath], paths: AbstractSet[str]
) -> dict[str, File]:
    file_paths = [change.path for change in chosen if change.type == "file" and change.path in paths]
    return read_files(changes, file_paths[:MOST_FILES], max_bytes=MAX_BYTES)


def _spoiled(files: Mapping[str, File]) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Return spoiled files by path, without those that can't be spoiled."""
    contents = {path: spoil(path, content) for path, (_, content) in files.items() if content is not None}
    return {
        path: (_entry_like(files[path][0], path), content)
        for path, content in contents.items()
        if content is not None
    }


def _entry_like(entry: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    """Return an entry with equal owner and rights and a later time, which makes its compiled code stale."""
    copied = tarfile.TarInfo(path.lstrip("/"))
    copied.mode, copied.uid, copied.gid, copied.mtime = entry.mode, entry.uid, entry.gid, entry.mtime + 2
    return copied


def _parents(changes: Iterable[ChangedPath]) -> Iterable[str]:
    for change in changes:
        parts = change.path.split("/")
        yield from ("/".join(parts[:count]) for count in range(2, len(parts)))
