"""Files of a container's workspace in and out, through a process that waits there."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath

from sandbox.docker.prepared import Prepared
from sandbox.errors import FileRefused, SandboxBroken
from sandbox.files.written_files import MAX_ARTIFACTS, MAX_BYTES, MAX_DEPTH, PROGRAMS, known_files
from sandbox.result import Artifact

_LONGEST_LINE = 4400
"""Bytes of a file's path and hash in a manifest; a path that isn't ASCII is left to the sum of all."""
_LONGEST_PATH = 4096


async def write(prepared: Prepared, path: str, content: bytes, *, executable: bool) -> None:
    """Write one file; folders on the way are made.

    Raises:
        FileRefused: the path leaves the workspace or goes over a link, or there is no room.
    """
    room = prepared.container.recipe.disk_bytes
    if len(content) > room:
        raise FileRefused(f"{path!r} has {len(content)} bytes; the whole workspace has {room}.")
    await prepared.ask({"do": "write", "path": path, "executable": executable}, content)


async def read(prepared: Prepared, path: str, *, limit: int) -> bytes:
    """Content of one regular file.

    Raises:
        FileRefused: not there, not a regular file with one name, over a link, or too large.
    """
    _, content = await prepared.ask({"do": "read", "path": path, "limit": limit}, most=limit)
    return content


async def contents(prepared: Prepared) -> dict[str, bytes]:
    """Content by path of the regular files."""
    most = prepared.container.recipe.disk_bytes
    return {path: await read(prepared, path, limit=most) for path in await manifest(prepared)}


async def manifest(prepared: Prepared) -> dict[str, str]:
    """SHA-256 by path of the regular files."""
    most = prepared.container.recipe.policy.files * _LONGEST_LINE
    _, content = await prepared.ask({"do": "manifest"}, most=most)
    return {str(path): str(digest) for path, digest in json.loads(content).items()}


async def remove(prepared: Prepared, path: str) -> None:
    """Remove a file or a folder, or with "." all that the workspace holds.

    Raises:
        FileRefused: the path isn't a plain one.
    """
    await prepared.ask({"do": "remove", "path": path})


async def lay(prepared: Prepared, files: Mapping[str, bytes]) -> None:
    """Write what a fresh run is given.

    Raises:
        FileRefused: a path leaves the workspace, or there is no room.
    """
    for path, content in files.items():
        await write(prepared, path, content, executable=content.startswith(PROGRAMS))


async def lay_exactly(prepared: Prepared, files: Mapping[str, bytes]) -> dict[str, str]:
    """Make the workspace hold these files and nothing else, and give the SHA-256 of each.

    Raises:
        FileRefused: a path leaves the workspace, or there is no room.
    """
    known = known_files(files)
    content = json.dumps({path: (file.sha256, file.executable) for path, file in known.items()}).encode()
    _, answer = await prepared.ask({"do": "keep"}, content, most=len(content))
    kept = set(json.loads(answer))
    for path, file in known.items():
        if path not in kept:
            await write(prepared, path, file.content, executable=file.executable)
    return {path: file.sha256 for path, file in known.items()}


async def collect(prepared: Prepared, given: Mapping[str, bytes]) -> tuple[tuple[Artifact, ...], int]:
    """What the workspace holds besides what was given, and the number of what was left out.

    Raises:
        SandboxBroken: more or other files came than can be.
    """
    known = {
        PurePosixPath(path).as_posix(): (len(content), hashlib.sha256(content).hexdigest())
        for path, content in given.items()
    }
    request = {
        "do": "collect",
        "given": known,
        "deepest": MAX_DEPTH,
        "most": MAX_ARTIFACTS,
        "most_bytes": MAX_BYTES,
    }
    found: list[Artifact] = []
    room = MAX_BYTES
    async with prepared.asking(request):
        while True:
            header, content = await prepared.answer(most=room)
            if "left_out" in header:
                return tuple(found), int(header["left_out"])
            path = str(header["path"])
            if len(found) == MAX_ARTIFACTS or not _is_plain(path):
                raise SandboxBroken("What serves the files of the container sends what nobody asked for.")
            room -= len(content)
            found.append(Artifact(path=path, size=len(content), content=content))


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return len(path) < _LONGEST_PATH and len(parts) <= MAX_DEPTH + 1 and not {"", ".", ".."} & set(parts)
