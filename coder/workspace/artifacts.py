"""Write a program's artifacts into a user's folder, but only as new files that don't run by themselves."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from coder.base.errors import MachineError
from coder.workspace.autorun import hidden, risky
from coder.workspace.folder import Snapshot
from coder.workspace.landing import ForbiddenPath, apply, plan
from coder.workspace.landing.grounds import parts_above
from sandbox.result import Artifact


def save(artifacts: Sequence[Artifact], folder: Path) -> list[str]:
    """Write the permitted artifacts; return reasons why the others weren't written. Raises MachineError."""
    if not artifacts:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"The folder {folder} can't be made: {error.strerror}.") from error
    return asyncio.run(_save_all(artifacts, folder.resolve()))


async def _save_all(artifacts: Sequence[Artifact], folder: Path) -> list[str]:
    async def forget(path: str) -> None:
        """Record nothing."""

    refusals = []
    empty_snapshot = Snapshot(root=folder, files={})
    for artifact in artifacts:
        content = {artifact.path: artifact.content}
        try:
            full_path = "/".join((*parts_above(folder)[0], artifact.path))
            if (reason := risky(full_path) or hidden(full_path)) is not None:
                raise ForbiddenPath(f"{artifact.path}: {reason}.")
            await apply(plan(empty_snapshot, content), content, forget)
        except ForbiddenPath as error:
            refusals.append(str(error))
    return refusals
