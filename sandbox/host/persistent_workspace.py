"""The workspace that stays from run to run, from outside, within the disk that its sandbox has."""

import asyncio
import errno
import os
import posixpath
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

from sandbox.errors import FileRefused
from sandbox.files.workspace import Workspace
from sandbox.files.workspace_files import MAX_BYTES, MAX_ENTRIES, Files, TarSource
from sandbox.files.written_files import known_files
from sandbox.result import Entry

if TYPE_CHECKING:
    from sandbox.files.resolve_beneath import Beneath
    from sandbox.files.tree_changes import TreeChanges
    from sandbox.host.disk_watch import DiskBounds

    PutLayer = Callable[[Mapping[str, str]], Awaitable[tuple[Workspace, Beneath] | None]]
    """Is given SHA-256 by path; a workspace as it is seen from now on, and the layer alone."""


class PersistentWorkspace:
    """Files of all runs that share them. What `sandbox.contract.Sandbox` says of each method holds here."""

    def __init__(
        self, workspace: Workspace, disk: "DiskBounds | None", *, at_rest: Callable[[], bool] = lambda: False
    ) -> None:
        """`disk` is what no file system keeps it to; `at_rest` tells that no program is at work in it."""
        self._workspace, self._disk, self._at_rest = workspace, disk, at_rest
        self._uses, self._changing = 0, asyncio.Lock()
        self._layers: tuple[Workspace, Beneath] | None = None
        """What lies below, and the layer, where there is one."""
        self._laid: dict[str, str] | None = None
        """SHA-256 of each file that was laid, "" if not known; None once programs came near them."""

    @cached_property
    def tree(self) -> "TreeChanges":
        """What a session's changes are told from; it remembers what it has read."""
        from sandbox.files.tree_changes import TreeChanges

        return TreeChanges(self._workspace.below, self._workspace.capacity)

    async def be_used_with(self, put: "PutLayer | None") -> Mapping[str, str]:
        """As `be_used`, with a layer over what was laid where `put` makes one."""
        return await asyncio.shield(self._put_layer(put))

    async def _put_layer(self, put: "PutLayer | None") -> Mapping[str, str]:
        async with self._changing:
            laid = self.be_used()
            made = await put(laid) if put is not None and self._layers is None else None
            if made is not None:
                from sandbox.files.layer_changes import LayerChanges

                self._layers = (self._workspace, made[1])
                below, self._workspace = self._workspace.below, made[0]
                self.tree = LayerChanges(made[1], made[0].capacity, below=below, laid=laid)
        return laid

    def be_used(self) -> Mapping[str, str]:
        """Programs come: SHA-256 (hex) by path of what was laid, and nobody could change since."""
        laid, self._laid = self._laid, None
        self._uses += 1
        return laid or {}

    def close(self) -> None:
        """Let go of the workspace; what it holds is its sandbox's to remove."""
        self._workspace.close()
        for layer in self._layers or ():
            layer.close()

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file; folders on the way are made."""
        await self._change(path, lambda: self._write([(path, content, executable)]))

    async def append(self, path: str, content: bytes) -> None:
        """Add to the end of one file."""
        await self._change(path, lambda: self._append(path, content))

    async def make_folder(self, path: str) -> None:
        """Make a folder, with those on the way."""
        async with self._changing:
            await asyncio.to_thread(self._workspace.make_folder, path)

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file, or a part of it."""
        return await asyncio.to_thread(self._workspace.read, path, limit=limit, start=start)

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """What stands in a folder."""
        from sandbox.files.listing import list_folder

        found = await asyncio.to_thread(list_folder, self._workspace.below, path)
        return tuple(map(Entry.model_validate, found))

    async def stat(self, path: str) -> Entry:
        """What stands under a path."""
        from sandbox.files.listing import look_at

        return Entry.model_validate(await asyncio.to_thread(look_at, self._workspace.below, path))

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Hold exactly these files, and give the SHA-256 (hex) of each.

        Raises:
            FileRefused: a path leaves the workspace, or the disk limit is reached.
        """
        async with self._changing:
            uses, self._laid = self._uses if self._at_rest() else -1, None
            hashes = await asyncio.to_thread(self._lay, dict(files))
            if self._uses == uses:
                self._laid = dict(hashes)
        return hashes

    async def manifest(self) -> dict[str, str]:
        """SHA-256 (hex) of each regular file by its relative path."""
        return await asyncio.to_thread(self._workspace.manifest)

    async def enter(self, path: str) -> None:
        """See that a program can begin in a folder."""
        if path != ".":
            from sandbox.files.listing import enter

            await asyncio.to_thread(enter, self._workspace.below, path)

    async def remove(self, path: str) -> None:
        """Remove one file or folder, "." is all of it; what isn't there is no error."""
        async with self._changing:
            self._laid = None
            await asyncio.to_thread(self._workspace.remove, path)

    async def _change(self, path: str, work: Callable[[], None]) -> None:
        """Do what changes one file, while no layer comes."""
        async with self._changing:
            if self._laid is not None:
                self._laid[posixpath.normpath(path)] = ""
            await asyncio.to_thread(work)

    def _write(self, files: Iterable[tuple[str, bytes, bool]]) -> None:
        self._workspace.write_all(file for file in files if self._have_room(*file[:2]))

    def _append(self, path: str, content: bytes) -> None:
        self._have_room(path, content)
        self._workspace.append(path, content)

    def _have_room(self, path: str, content: bytes) -> bool:
        if self._disk is not None and not self._disk.have_room(len(content)):
            raise FileRefused(f"{path!r}: {os.strerror(errno.ENOSPC)}.", kind="no_room")
        return True

    def _lay(self, files: dict[str, bytes]) -> dict[str, str]:
        known = known_files(files)
        kept = self._workspace.keep({path: (file.sha256, file.executable) for path, file in known.items()})
        missing = ((path, file) for path, file in known.items() if path not in kept)
        self._write((path, file.content, file.executable) for path, file in missing)
        return {path: file.sha256 for path, file in known.items()}


class WithFiles:
    """What WorkspaceFiles says of each method holds here: on this machine, or in a container."""

    def _filing(self) -> AbstractAsyncContextManager[Files]:
        """What acts on the workspace, for a moment."""
        raise NotImplementedError

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file of the workspace; folders on the way are made."""
        async with self._filing() as files:
            await files.write(path, content, executable=executable)

    async def append(self, path: str, content: bytes) -> None:
        """Add to the end of one file of the workspace, all or nothing; it is made where it isn't there."""
        async with self._filing() as files:
            await files.append(path, content)

    async def make_folder(self, path: str) -> None:
        """Make a folder of the workspace, with those on the way."""
        async with self._filing() as files:
            await files.make_folder(path)

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file of the workspace, or a part of it."""
        async with self._filing() as files:
            return await files.read(path, limit=limit, start=start)

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """What stands in a folder of the workspace, by name."""
        async with self._filing() as files:
            return await files.list(path)

    async def stat(self, path: str) -> Entry:
        """What stands under a path of the workspace."""
        async with self._filing() as files:
            return await files.stat(path)

    async def remove(self, path: str) -> None:
        """Remove one file or folder of the workspace, "." is all of it; what isn't there is no error."""
        async with self._filing() as files:
            await files.remove(path)

    async def write_folder(
        self, path: str, stream: TarSource, *, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES
    ) -> None:
        """Write what an uncompressed tar stream holds into a folder."""
        from sandbox.files.tar_folders import write_tar

        await write_tar(self, path, stream, max_bytes=max_bytes, max_entries=max_entries)

    def read_folder(
        self,
        path: str = ".",
        *,
        max_bytes: int = MAX_BYTES,
        max_entries: int = MAX_ENTRIES,
        on_left_out: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """What a folder holds as a tar stream."""
        from sandbox.files.tar_folders import read_tar

        return read_tar(self, path, max_bytes=max_bytes, max_entries=max_entries, on_left_out=on_left_out)


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
