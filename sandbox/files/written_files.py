"""The workspace of one fresh run, from outside: files in before its program begins, artifacts out at its end.

Whatever a program leaves is bounded here: in number, in bytes, in depth, and in kind.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from sandbox.errors import FileRefused
from sandbox.files.resolve_beneath import parts_of
from sandbox.files.workspace import Workspace
from sandbox.result import Artifact, Result

T = TypeVar("T")
MAX_ARTIFACTS = 1024
MAX_BYTES = 64 << 20
"""Of all artifacts of one run together."""
MAX_DEPTH = 32
"""Folders above an artifact."""
PROGRAMS = (b"#!", b"\x7fELF")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a workspace is to hold under one path."""

    content: bytes
    sha256: str
    executable: bool


def known_files(files: Mapping[str, bytes]) -> dict[str, KnownFile]:
    """Files by plain path, each with what it takes to see whether it is there already.

    Raises:
        FileRefused: a path isn't a plain one.
    """
    return {
        "/".join(parts_of(path)): KnownFile(
            content, hashlib.sha256(content).hexdigest(), content.startswith(PROGRAMS)
        )
        for path, content in files.items()
    }


class FreshWorkspace:
    """Files of one run. Its methods wait for their thread also when cancelled: `close` comes next."""

    def __init__(self, workspace: Workspace, files: Mapping[str, bytes]) -> None:
        """`workspace` is the run's own, closed by `close`."""
        self._workspace = workspace
        self._given = {PurePosixPath(path).as_posix(): content for path, content in files.items()}

    def close(self) -> None:
        """Let go of the workspace: nothing of it is left."""
        self._workspace.close()

    async def let_go(self, *, on_disk: bool) -> None:
        """Close it, emptied first where its files are on a disk of this machine."""
        try:
            if on_disk:
                await self.empty()
        finally:
            self.close()

    async def lay(self) -> None:
        """Write the files that were given.

        Raises:
            FileRefused: a path leaves the workspace, or there is no room.
        """
        if self._given:
            await _to_its_end(self._write)

    async def enter(self, path: str) -> None:
        """See that a program can begin in a folder.

        Raises:
            FileRefused: it isn't there, isn't a folder, is closed to programs, or lies over a link.
        """
        if path != ".":
            from sandbox.files.listing import enter

            await _to_its_end(lambda: enter(self._workspace.below, path))

    async def with_artifacts(self, result: Result) -> Result:
        """The result with what the program wrote; every process of the run is dead."""
        artifacts, left_out = await _to_its_end(self._collect)
        return result.model_copy(update={"artifacts": artifacts, "artifacts_left_out": left_out})

    async def empty(self) -> None:
        """Remove all of it, where no file system goes away with the last descriptor."""
        await _to_its_end(lambda: self._workspace.remove("."))

    def _write(self) -> None:
        self._workspace.write_all(
            (path, content, content.startswith(PROGRAMS)) for path, content in self._given.items()
        )

    def _collect(self) -> tuple[tuple[Artifact, ...], int]:
        found: list[Artifact] = []
        room, left_out = MAX_BYTES, 0
        for path, regular in self._workspace.entries(deepest=MAX_DEPTH):
            given = self._given.get(path)
            try:
                if not regular or len(found) == MAX_ARTIFACTS:
                    raise FileRefused(f"{path!r} is no file to hand out.")
                content = self._workspace.read(path, limit=max(room, len(given or b"")))
            except FileRefused:
                left_out += 1
                continue
            if content == given:
                continue
            if len(content) > room:
                left_out += 1
                continue
            room -= len(content)
            found.append(Artifact(path=path, size=len(content), content=content))
        return tuple(found), left_out


async def _to_its_end(work: Callable[[], T]) -> T:
    """Do it in a thread, and see it end whatever happens here: it uses a descriptor."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise
