"""The files of a workspace for whatever has one: on this machine, or in a container."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager

from sandbox.files.workspace_files import MAX_BYTES, MAX_ENTRIES, Files, TarSource
from sandbox.result import Entry


class WithFiles:
    """What `sandbox.contract.WorkspaceFiles` says of each method holds here."""

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
