"""Save the files that an agent leaves at the end of a step, so that a resumed run begins at the next step.

Files that differ from the image are saved, the same as for a verdict. Processes aren't: the container is
created again, as after a restart of its machine.
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
"""Maximum size of saved files; a step that leaves more isn't saved, and a resumed run repeats it."""
_CHUNK = 1 << 20


class KeptSteps(Value):
    """Steps that an agent has completed, and the digest of the files that it left after the last one."""

    verdicts: tuple[Judged, ...]
    files: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 (hex) of the saved files, which is also their file name."""


@dataclass(frozen=True, slots=True)
class StepKeeping:
    """Where the steps of one answer are kept."""

    folder: Path
    keep: Callable[[KeptSteps], Awaitable[None]]
    """Function that records saved steps."""
    kept: KeptSteps | None = None
    """Steps that an earlier start has saved."""


async def keep_step(
    container: HarborContainer, verdicts: tuple[Judged, ...], folder: Path, changes: ContainerChanges | None
) -> KeptSteps | None:
    """Save an agent's changes in a folder; return None if they are too large, or if there are services.

    Args:
        container: frozen container of the agent.
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
    """Put the saved files into a fresh container. Raises SandboxBroken, OSError if they are missing."""
    async with _read(folder / kept.files) as changes:
        await apply_changes(container, changes, changes.items)


def is_kept(kept: KeptSteps, folder: Path) -> bool:
    """Whether the saved files exist and match their digest."""
    try:
        with (folder / kept.files).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == kept.files
    except OSError:
        return False


def forget_steps(kept: KeptSteps, folder: Path) -> None:
    """Remove saved files; missing files are no error."""
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
