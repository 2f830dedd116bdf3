"""Keep what an agent has left at the end of a step, so that a resumed run begins at the next one.

What is kept are the files that differ from the image, as a verdict has them. Processes aren't: the container
is made anew, as after a restart of its machine.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from benchmarks.harbor.applying import apply_changes
from benchmarks.harbor.archive_reader import ChangedPath, ChangesTooLarge
from benchmarks.harbor.changes import ContainerChanges, read_changes, spool
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.verifier import Judged
from sandbox.result import Value

MAX_KEPT_BYTES = 256 << 20
"""Maximum size of the files that are kept; after a step that left more, a resumed run begins at the first."""
_CHUNK = 1 << 20


class KeptSteps(Value):
    """Steps of a task that an agent has ended, and the digest of what it left after the last of them."""

    verdicts: tuple[Judged, ...]
    files: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 (hex) of the kept files, which is their name."""


@dataclass(frozen=True, slots=True)
class StepKeeping:
    """Where the steps of one answer are kept."""

    folder: Path
    keep: Callable[[KeptSteps], Awaitable[None]]
    """Records what is kept."""
    kept: KeptSteps | None = None
    """What an earlier start has kept."""


async def keep_step(
    container: HarborContainer, verdicts: tuple[Judged, ...], folder: Path, changes: ContainerChanges | None
) -> KeptSteps | None:
    """Write what an agent has left into a folder; None if it is too much, or isn't in files alone.

    Args:
        container: the agent's, frozen.
        changes: all its changes; None if they weren't read.

    Raises:
        SandboxBroken: the engine failed.
    """
    if container.services:
        return None
    async with AsyncExitStack() as opened:
        try:
            if changes is None:
                read = read_changes(container, max_bytes=MAX_KEPT_BYTES)
                changes = await opened.enter_async_context(read)
        except ChangesTooLarge:
            return None
        if sum(item.size for item in changes.items) > MAX_KEPT_BYTES:
            return None
        return KeptSteps(verdicts=verdicts, files=await asyncio.to_thread(_write, changes, folder))


async def restore_step(container: HarborContainer, kept: KeptSteps, folder: Path) -> None:
    """Put the kept files into a fresh container. Raises SandboxBroken, and OSError: they aren't there."""
    async with _read(folder / kept.files) as changes:
        await apply_changes(container, changes, changes.items)


def is_kept(kept: KeptSteps, folder: Path) -> bool:
    """Whether the kept files are there, and are those that were written."""
    try:
        with (folder / kept.files).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == kept.files
    except OSError:
        return False


def forget_steps(kept: KeptSteps, folder: Path) -> None:
    """Remove kept files; missing ones are no error."""
    with suppress(OSError):
        (folder / kept.files).unlink()
    with suppress(OSError):
        folder.rmdir()  # if nothing else is kept there


def _write(changes: ContainerChanges, folder: Path) -> str:
    """Write changes as a line of JSON and a tar archive; return the digest."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    items = [item.model_dump(mode="json") for item in changes.items]
    with spool() as file:
        file.write(json.dumps(items).encode() + b"\n")
        changes.archive.seek(0)
        shutil.copyfileobj(changes.archive, file, _CHUNK)
        file.seek(0)
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        file.seek(0)
        name = digest.hexdigest()
        with (folder / f"{name}.part").open("wb") as target:
            shutil.copyfileobj(file, target, _CHUNK)
        (folder / f"{name}.part").rename(folder / name)
    return name


@asynccontextmanager
async def _read(path: Path) -> AsyncIterator[ContainerChanges]:
    with path.open("rb") as file, spool() as archive:
        items = json.loads(file.readline())
        shutil.copyfileobj(file, archive, _CHUNK)
        archive.seek(0)
        yield ContainerChanges(tuple(ChangedPath.model_validate(item) for item in items), archive)
