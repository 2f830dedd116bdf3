"""Interface of every backend to the files of a workspace."""

import functools
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sandbox.files.file_operations import Files, TarSource

P = ParamSpec("P")
T = TypeVar("T")
MAX_BYTES, MAX_ENTRIES = 1 << 30, 100_000
"""Default bounds of a folder streamed as tar."""


class WorkspaceFiles(Files, Protocol):
    """The files of a workspace, one by one and folder by folder."""

    async def write_folder(
        self, path: str, stream: TarSource, *, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES
    ) -> None:
        """Write the contents of an uncompressed tar stream into a folder, which is made if needed.

        Only names, contents and executable bits are taken. A refused archive leaves what came before.

        Args:
            path: the folder; "." is the workspace.
            stream: read to its end, at most 1 MiB and a piece of it held in memory.
            max_bytes: of the stream.
            max_entries: files and folders.

        Raises:
            FileRefused: a member leaves the folder, goes over a link, or is neither a file nor a folder; the
                archive can't be read or is cut off, exceeds a bound, or the disk limit is reached.
        """
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
        """Read a folder as a tar stream, in pieces of at most 1 MiB. Programs may run meanwhile.

        Args:
            path: the folder; "." is the workspace. Names in the archive are relative to it.
            max_bytes: of all files together.
            max_entries: files and folders.
            on_left_out: called with the path in the archive of each link, pipe and anything else that `read`
                refuses; without it they are refused.

        Raises:
            FileRefused: as `list` and `read`, or the folder exceeds a bound.
        """
        from sandbox.files.tar_folders import read_tar

        return read_tar(self, path, max_bytes=max_bytes, max_entries=max_entries, on_left_out=on_left_out)


def _delegated(
    method: Callable[Concatenate[Files, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["WithFiles", P], Coroutine[Any, Any, T]]:

    @functools.wraps(method)
    async def call(self: "WithFiles", /, *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._filing() as files:
            result: T = await getattr(files, method.__name__)(*args, **kwargs)
            return result

    return call


class WithFiles(WorkspaceFiles):
    """Implements WorkspaceFiles over `_filing`: on this machine, or in a container."""

    def _filing(self) -> AbstractAsyncContextManager[Files]:
        """Return a context manager with access for one operation. Raises NotImplementedError."""
        raise NotImplementedError

    write, append = _delegated(Files.write), _delegated(Files.append)
    make_folder, remove = _delegated(Files.make_folder), _delegated(Files.remove)
    read, list, stat = _delegated(Files.read), _delegated(Files.list), _delegated(Files.stat)
