"""Operations on the files of a workspace, one by one."""

from collections.abc import AsyncIterable, Iterable
from typing import BinaryIO, Protocol

from sandbox.result import Entry

TarSource = BinaryIO | Iterable[bytes] | AsyncIterable[bytes]
"""A tar stream: a file to read, or its pieces."""


class Files(Protocol):
    """What every backend promises of one file or folder."""

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
