"""Write a program's artifacts into a user's folder: only new files that never run by themselves."""

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
    """Write each permitted artifact; the reasons for the others. Raises MachineError."""
    if not artifacts:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"The folder {folder} can't be made: {error.strerror}.") from error
    return asyncio.run(_save_all(artifacts, folder.resolve()))


async def _save_all(artifacts: Sequence[Artifact], folder: Path) -> list[str]:
    async def forget(path: str) -> None:
        """Callback that logs nothing."""

    refused = []
    nothing_read = Snapshot(root=folder, files={})
    for artifact in artifacts:
        content = {artifact.path: artifact.content}
        try:
            whole = "/".join((*parts_above(folder)[0], artifact.path))
            if (why := risky(whole) or hidden(whole)) is not None:
                raise ForbiddenPath(f"{artifact.path}: {why}.")
            await apply(plan(nothing_read, content), content, forget)
        except ForbiddenPath as error:
            refused.append(str(error))
    return refused
