"""Read and write a container's workspace through a waiting process in it."""

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sandbox.docker.prepared import Prepared
from sandbox.errors import FileRefused, SandboxBroken
from sandbox.host.host_workspace import (
    ARTIFACT_BOUNDS,
    MAX_ARTIFACT_BYTES,
    MAX_ARTIFACTS,
    MAX_DEPTH,
    PROGRAMS,
    known_files,
)
from sandbox.result import Artifact, Entry

_LONGEST_LINE = 4400
"""Bytes that a manifest or listing takes per file; non-ASCII paths count towards the total."""
_LONGEST_PATH = 4096
T = TypeVar("T")
_ENTRY, _ENTRIES, _HASHES = TypeAdapter(Entry), TypeAdapter(tuple[Entry, ...]), TypeAdapter(dict[str, str])


class ContainerFiles:
    """`sandbox.contract.WorkspaceFiles` documents each method."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file; makes missing folders."""
        self._have_room(path, content)
        await self._prepared.ask({"do": "write", "path": path, "executable": executable}, content)

    async def append(self, path: str, content: bytes) -> None:
        """Append to one file."""
        self._have_room(path, content)
        await self._prepared.ask({"do": "append", "path": path}, content)

    async def make_folder(self, path: str) -> None:
        """Make a folder, with missing parents."""
        await self._prepared.ask({"do": "make_folder", "path": path})

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file, or a part of it."""
        request = {"do": "read", "path": path, "limit": limit, "start": start}
        return (await self._prepared.ask(request, most=limit))[1]

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """List a folder. Raises SandboxBroken: the answer is invalid."""
        found = await self._told({"do": "list", "path": path}, _ENTRIES)
        if any({"/", "\0"} & set(entry.name) or not _is_plain(entry.name) for entry in found):
            raise SandboxBroken("What serves the files of the container names what can't be in a folder.")
        return found

    async def stat(self, path: str) -> Entry:
        """Describe one path."""
        return await self._told({"do": "stat", "path": path}, _ENTRY)

    async def enter(self, path: str) -> None:
        """Check that a program can begin in a folder."""
        if path != ".":
            await self._prepared.ask({"do": "enter", "path": path})

    async def manifest(self) -> dict[str, str]:
        """SHA-256 by path of the regular files."""
        return await self._told({"do": "manifest"}, _HASHES)

    async def contents(self) -> dict[str, bytes]:
        """Content by path of the regular files."""
        most = self._prepared.container.recipe.disk_bytes
        return {path: await self.read(path, limit=most) for path in await self.manifest()}

    async def remove(self, path: str) -> None:
        """Remove a file or a folder; "." empties the workspace."""
        await self._prepared.ask({"do": "remove", "path": path})

    def _have_room(self, path: str, content: bytes) -> None:
        room = self._prepared.container.recipe.disk_bytes
        if len(content) > room:
            raise FileRefused(
                f"{path!r} gets {len(content)} bytes; the whole workspace has {room}.", kind="no_room"
            )

    async def _told(self, request: Mapping[str, object], form: TypeAdapter[T]) -> T:
        most = self._prepared.container.recipe.policy.files * _LONGEST_LINE
        try:
            return form.validate_json((await self._prepared.ask(request, most=most))[1])
        except ValidationError as error:
            raise SandboxBroken("What serves the files of the container talks nonsense.") from error


async def lay(prepared: Prepared, files: Mapping[str, bytes]) -> None:
    """Write the files of a fresh run."""
    for path, content in files.items():
        await ContainerFiles(prepared).write(path, content, executable=content.startswith(PROGRAMS))


async def lay_exactly(prepared: Prepared, files: Mapping[str, bytes]) -> dict[str, str]:
    """Make the workspace hold exactly these files; the SHA-256 of each."""
    known = known_files(files)
    content = json.dumps({path: (file.sha256, file.executable) for path, file in known.items()}).encode()
    _, answer = await prepared.ask({"do": "keep"}, content, most=len(content))
    kept = set(json.loads(answer))
    for path, file in known.items():
        if path not in kept:
            await ContainerFiles(prepared).write(path, file.content, executable=file.executable)
    return {path: file.sha256 for path, file in known.items()}


async def collect(prepared: Prepared, given: Mapping[str, bytes]) -> tuple[tuple[Artifact, ...], int]:
    """Files beyond those given, and the number left out. Raises SandboxBroken: the answer is invalid."""
    known = {path: (len(file.content), file.sha256) for path, file in known_files(given).items()}
    request = {"do": "collect", "given": known, **ARTIFACT_BOUNDS}
    found: list[Artifact] = []
    room = MAX_ARTIFACT_BYTES
    async with prepared.asking(request):
        while True:
            header, content = await prepared.answer(most=room)
            if "left_out" in header:
                return tuple(found), int(header["left_out"])
            path = str(header["path"])
            if len(found) == MAX_ARTIFACTS or not _is_plain(path):
                raise SandboxBroken(
                    "The process that serves the container's files sent an unexpected message."
                )
            room -= len(content)
            found.append(Artifact(path=path, size=len(content), content=content))


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return len(path) < _LONGEST_PATH and len(parts) <= MAX_DEPTH + 1 and not {"", ".", ".."} & set(parts)
