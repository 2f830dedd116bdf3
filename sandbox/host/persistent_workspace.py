"""The workspace that stays from run to run, from outside, within the disk that its sandbox has."""

import asyncio
import errno
import os
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

from sandbox.errors import FileRefused
from sandbox.files.listing import enter, list_folder, look_at
from sandbox.files.workspace import Workspace
from sandbox.files.written_files import known_files
from sandbox.host.with_files import WithFiles
from sandbox.result import Entry

if TYPE_CHECKING:
    from sandbox.files.tree_changes import TreeChanges
    from sandbox.host.disk_watch import DiskBounds


class PersistentWorkspace:
    """Files of all runs that share them. What `sandbox.contract.Sandbox` says of each method holds here."""

    def __init__(self, workspace: Workspace, disk: "DiskBounds | None") -> None:
        """`disk` is what no file system keeps it to; None where one does."""
        self._workspace, self._disk = workspace, disk

    @cached_property
    def tree(self) -> "TreeChanges":
        """What a session's changes are told from; it remembers what it has read."""
        from sandbox.files.tree_changes import TreeChanges

        return TreeChanges(self._workspace.below, self._workspace.capacity)

    def close(self) -> None:
        """Let go of the workspace; what it holds is its sandbox's to remove."""
        self._workspace.close()

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file; folders on the way are made."""
        await asyncio.to_thread(self._write, path, content, executable)

    async def append(self, path: str, content: bytes) -> None:
        """Add to the end of one file."""
        await asyncio.to_thread(self._append, path, content)

    async def make_folder(self, path: str) -> None:
        """Make a folder, with those on the way."""
        await asyncio.to_thread(self._workspace.make_folder, path)

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file, or a part of it."""
        return await asyncio.to_thread(self._workspace.read, path, limit=limit, start=start)

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """What stands in a folder."""
        return tuple(
            map(Entry.model_validate, await asyncio.to_thread(list_folder, self._workspace.below, path))
        )

    async def stat(self, path: str) -> Entry:
        """What stands under a path."""
        return Entry.model_validate(await asyncio.to_thread(look_at, self._workspace.below, path))

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Hold exactly these files, and give the SHA-256 (hex) of each.

        Raises:
            FileRefused: a path leaves the workspace, or the disk limit is reached.
        """
        return await asyncio.to_thread(self._lay, dict(files))

    async def manifest(self) -> dict[str, str]:
        """SHA-256 (hex) of each regular file by its relative path."""
        return await asyncio.to_thread(self._workspace.manifest)

    async def enter(self, path: str) -> None:
        """See that a program can begin in a folder."""
        if path != ".":
            await asyncio.to_thread(enter, self._workspace.below, path)

    async def remove(self, path: str) -> None:
        """Remove one file or folder, "." is all of it; what isn't there is no error."""
        await asyncio.to_thread(self._workspace.remove, path)

    def _write(self, path: str, content: bytes, executable: bool) -> None:
        self._have_room(path, content)
        self._workspace.write(path, content, executable=executable)

    def _append(self, path: str, content: bytes) -> None:
        self._have_room(path, content)
        self._workspace.append(path, content)

    def _have_room(self, path: str, content: bytes) -> None:
        if self._disk is not None and not self._disk.have_room(len(content)):
            raise FileRefused(f"{path!r}: {os.strerror(errno.ENOSPC)}.", kind="no_room")

    def _lay(self, files: dict[str, bytes]) -> dict[str, str]:
        known = known_files(files)
        kept = self._workspace.keep({path: (file.sha256, file.executable) for path, file in known.items()})
        for path, file in known.items():
            if path not in kept:
                self._write(path, file.content, file.executable)
        return {path: file.sha256 for path, file in known.items()}


class WithWorkspace(WithFiles):
    """Whose files are those of one workspace that stays."""

    _workspace: PersistentWorkspace

    def _filing(self) -> nullcontext[PersistentWorkspace]:
        return nullcontext(self._workspace)


class WithLastingWorkspace(WithWorkspace):
    """A sandbox, in so far as its files are those of one workspace that stays."""

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files, and give the SHA-256 (hex) of each.

        Raises:
            FileRefused: a path leaves the workspace, or the disk limit is reached.
        """
        return await self._workspace.lay(files)

    async def manifest(self) -> dict[str, str]:
        """SHA-256 (hex) of each regular file of the workspace by its relative path."""
        return await self._workspace.manifest()
