"""Run the cells of a notebook as one program, with separate outputs of each cell."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from sandbox.contract import Sandbox
from sandbox.kernel.kernel import make_command, new_home
from sandbox.policy import Limits
from sandbox.result import Result

_MAX_LINES = 64 << 20
"""Maximum length of all outputs in bytes."""


class NotebookCell(BaseModel):
    """Outputs of one cell as reported by the sandbox; untrusted."""

    stdout: str
    stderr: str
    display: list[dict[str, Any]]
    """Data by content type, of each output that was shown."""
    error: list[dict[str, Any]]
    """`ename`, `evalue` and `traceback` of each error."""
    is_late: bool
    """Whether it reached its time limit, after which no further cell ran."""


async def run_notebook(
    sandbox: Sandbox,
    cells: Sequence[str],
    *,
    cell_s: float,
    limits: Limits,
    files: Mapping[str, bytes] | None = None,
) -> tuple[Result, list[NotebookCell]]:
    """Run cells in a new kernel and a fresh workspace; return the result, and the cells that have run.

    A cell that raises doesn't end the notebook; one that ends its kernel, or runs for too long, does.

    Args:
        sandbox: a sandbox with a kernel (`require_kernel`).
        cells: source of each cell.
        cell_s: time limit of one cell in seconds; 0 for no limit of its own.
        limits: limits of the whole run.
        files: files of the workspace by relative path.

    Raises:
        SandboxBroken: the sandbox itself stopped working.
        FileRefused: a path of `files` leaves the workspace, or the disk limit is reached.
    """
    content = json.dumps({"cells": list(cells), "cell_s": cell_s}).encode()
    result = await sandbox.run(
        make_command("run_notebook", new_home(), module="notebook"),
        stdin=content,
        limits=limits.model_copy(update={"stdout_bytes": _MAX_LINES}),
        fresh=True,
        files=files,
    )
    cell_outputs: list[NotebookCell] = []
    for line in result.stdout.splitlines()[: len(cells)]:
        try:
            cell_outputs.append(NotebookCell.model_validate_json(line))
        except ValidationError:  # cut at a limit, or not by our client
            break
    return result, cell_outputs
