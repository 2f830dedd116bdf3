"""The files of a workspace: what every backend promises of them."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import BinaryIO, Protocol

from sandbox.result import Entry

TarSource = BinaryIO | Iterable[bytes] | AsyncIterable[bytes]
"""A tar stream: a file to read, or its pieces."""
MAX_BYTES, MAX_ENTRIES = 1 << 30, 100_000
"""Default bounds of a folder that crosses as a tar stream."""


class Files(Protocol):
    """Operations on the files of a workspace, one by one."""

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file of the workspace; folders on the way are made.

        Raises:
            FileRefused: the path leaves the workspace or goes over a link, or the disk limit is reached.
        """

    async def append(self, path: str, content: bytes) -> None:
        """Add to the end of one regular file, all or nothing; a missing one is written.

        Raises:
            FileRefused: as `write`, or it isn't a regular file.
        """

    async def make_folder(self, path: str) -> None:
        """Make a folder, with those on the way; an existing one is no error.

        Raises:
            FileRefused: as `write`.
        """

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file of the workspace; with a `start`, at most `limit` bytes from there on.

        Raises:
            FileRefused: it isn't there, isn't a regular file, goes over a link, or is too large.
        """

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """List a folder of the workspace, by name.

        Raises:
            FileRefused: it isn't there, isn't a folder, or lies over a link.
        """

    async def stat(self, path: str) -> Entry:
        """Describe one path of the workspace; a link is not followed.

        Raises:
            FileRefused: it isn't there, or lies over a link.
        """

    async def remove(self, path: str) -> None:
        """Remove one file or folder of the workspace, "." is all of it; a missing one is no error."""


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
