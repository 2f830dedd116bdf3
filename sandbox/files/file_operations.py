"""Operations on the files of a workspace, one by one."""

from collections.abc import AsyncIterable, Iterable
from typing import BinaryIO, Protocol

from sandbox.result import Entry

TarSource = BinaryIO | Iterable[bytes] | AsyncIterable[bytes]
"""A tar stream: a file to read, or its pieces."""


class Files(Protocol):
    """Operations on single files and folders, common to all backends."""

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file of the workspace; make missing folders.

        Raises:
            FileRefused: the path leaves the workspace or goes over a link, or the disk limit is reached.
        """

    async def append(self, path: str, content: bytes) -> None:
        """Append to one regular file, all or nothing, or write a new one. Raises FileRefused as `write`."""

    async def make_folder(self, path: str) -> None:
        """Make a folder with its parents; an existing one is no error. Raises FileRefused as `write`."""

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file of the workspace; with a `start`, at most `limit` bytes from there on.

        Raises:
            FileRefused: it is missing, isn't a regular file, goes over a link, or is too large.
        """

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """List a folder by name. Raises FileRefused if it is missing, isn't a folder, or lies over a link."""

    async def stat(self, path: str) -> Entry:
        """Describe one path, without following links. Raises FileRefused if it is missing or over a link."""

    async def remove(self, path: str) -> None:
        """Remove one file or folder of the workspace, "." is all of it; a missing one is no error."""
