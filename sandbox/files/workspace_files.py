"""The files of a workspace, one by one: what every backend promises of them."""

from typing import Protocol

from sandbox.result import Entry


class WorkspaceFiles(Protocol):
    """The files of a workspace, one by one."""

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file of the workspace; folders on the way are made.

        Raises:
            FileRefused: the path leaves the workspace or goes over a link, or the disk limit is reached.
        """

    async def append(self, path: str, content: bytes) -> None:
        """Add to the end of one regular file, all or nothing; where it isn't there, `write` it.

        Raises:
            FileRefused: as `write` has it, or it isn't a regular file.
        """

    async def make_folder(self, path: str) -> None:
        """Make a folder, with those on the way; one that is there is no error.

        Raises:
            FileRefused: as `write` has it.
        """

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file of the workspace; with a `start`, no more than `limit` bytes from there on.

        Raises:
            FileRefused: it isn't there, isn't a regular file, goes over a link, or is too large.
        """

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """What stands in a folder of the workspace, by name.

        Raises:
            FileRefused: it isn't there, isn't a folder, or lies over a link.
        """

    async def stat(self, path: str) -> Entry:
        """What stands under a path of the workspace; a link is not followed.

        Raises:
            FileRefused: it isn't there, or lies over a link.
        """

    async def remove(self, path: str) -> None:
        """Remove one file or folder of the workspace, "." is all of it; what isn't there is no error."""
