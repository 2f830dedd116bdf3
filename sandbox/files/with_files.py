"""The files of a workspace that is opened for each operation."""

import functools
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Concatenate, ParamSpec, TypeVar

from sandbox.files.workspace_files import MAX_BYTES, MAX_ENTRIES, Files, TarSource

P = ParamSpec("P")
T = TypeVar("T")


def _delegated(
    method: Callable[Concatenate[Files, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["WithFiles", P], Coroutine[Any, Any, T]]:
    """The same method of what `_filing` gives."""

    @functools.wraps(method)
    async def call(self: "WithFiles", /, *given: P.args, **named: P.kwargs) -> T:
        async with self._filing() as files:
            found: T = await getattr(files, method.__name__)(*given, **named)
            return found

    return call


class WithFiles:
    """Implements WorkspaceFiles over `_filing`: on this machine, or in a container."""

    def _filing(self) -> AbstractAsyncContextManager[Files]:
        """Give access to the workspace for one operation."""
        raise NotImplementedError

    write, append = _delegated(Files.write), _delegated(Files.append)
    make_folder, remove = _delegated(Files.make_folder), _delegated(Files.remove)
    read, list, stat = _delegated(Files.read), _delegated(Files.list), _delegated(Files.stat)

    async def write_folder(
        self, path: str, stream: TarSource, *, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES
    ) -> None:
        """Write the contents of an uncompressed tar stream into a folder."""
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
        """Read a folder as a tar stream."""
        from sandbox.files.tar_folders import read_tar

        return read_tar(self, path, max_bytes=max_bytes, max_entries=max_entries, on_left_out=on_left_out)
