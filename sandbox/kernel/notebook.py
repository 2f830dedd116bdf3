"""Cells of a notebook, run as one program; the outputs of each come apart."""

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
    """Outputs of one cell, as the sandbox states them: untrusted."""

    stdout: str
    stderr: str
    display: list[dict[str, Any]]
    """Data by content type, of each output that was shown."""
    error: list[dict[str, Any]]
    """`ename`, `evalue` and `traceback` of each error."""
    is_late: bool
    """It reached its limit, and no further cell has run."""


async def run_notebook(
    sandbox: Sandbox,
    cells: Sequence[str],
    *,
    cell_s: float,
    limits: Limits,
    files: Mapping[str, bytes] | None = None,
) -> tuple[Result, list[NotebookCell]]:
    """Run cells in a new kernel and a fresh workspace; return how it ended, and the cells that have run.

    A cell that raises doesn't end the notebook; one that ends its kernel, or runs for too long, does.

    Args:
        sandbox: one with a kernel (`require_kernel`).
        cells: source of each.
        cell_s: seconds for one cell; 0 is without a limit of its own.
        limits: of the whole.
        files: of the workspace, by relative path.

    Raises:
        SandboxBroken: the sandbox itself stopped working.
        FileRefused: a path of `files` leaves the workspace, or there is no room for them.
    """
    content = json.dumps({"cells": list(cells), "cell_s": cell_s}).encode()
    result = await sandbox.run(
        make_command("run_notebook", new_home(), module="notebook"),
        stdin=content,
        limits=limits.model_copy(update={"stdout_bytes": _MAX_LINES}),
        fresh=True,
        files=files,
    )
    shown: list[NotebookCell] = []
    for line in result.stdout.splitlines()[: len(cells)]:
        try:
            shown.append(NotebookCell.model_validate_json(line))
        except ValidationError:  # cut at a limit, or not by our client
            break
    return result, shown
