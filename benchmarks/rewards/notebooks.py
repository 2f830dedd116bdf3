"""Run notebooks in the form of SandboxFusion's `/run_jupyter`, each in its own sandbox and kernel.

Requests and results: https://github.com/bytedance/SandboxFusion, `sandbox/runners/types.py`.
"""

import asyncio
from typing import Any, Literal

from pydantic import BaseModel, Field

from benchmarks.executors.pool import default_workers
from benchmarks.executors.wire import MAX_CPU_S
from benchmarks.rewards.programs import CommandRunResult, Content, FileName, Text, decode, encode, result_of
from coder.run.settings import Settings
from sandbox import Limits, Policy, SandboxError, open_sandbox
from sandbox.kernel.kernel import require_kernel
from sandbox.kernel.notebook import NotebookCell, run_notebook


class RunJupyter(BaseModel):
    """A notebook, as SandboxFusion takes it."""

    cells: list[Text] = Field(max_length=256)
    cell_timeout: float = Field(default=0, ge=0)
    """Seconds for one cell; 0 is without a limit of its own."""
    total_timeout: float = Field(default=45, gt=0)
    kernel: Literal["python3"] = "python3"
    files: dict[FileName, Content] = Field(default={}, max_length=256)
    fetch_files: list[FileName] = Field(default=[], max_length=256)


class CellRunResult(BaseModel):
    """Outputs of a cell, as SandboxFusion has them."""

    stdout: str
    stderr: str
    display: list[dict[str, Any]]
    error: list[dict[str, Any]]


class RunJupyterResponse(BaseModel):
    """How a notebook ended, as SandboxFusion has it; an error of a cell is no failure."""

    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    driver: CommandRunResult | None = None
    """How the whole ended; its output is that of the kernel's client."""
    cells: list[CellRunResult] = []
    """The cells that have run."""
    executor_pod_name: str | None = None
    files: dict[str, str] = {}
    """Content in base64 by the path that was asked for."""


class Notebooks:
    """Runs notebooks concurrently, each in its own sandbox."""

    def __init__(self, settings: Settings) -> None:
        """Take sandbox, interpreter and memory from the settings."""
        self._backend = settings.sandbox
        self._policy = Policy(python=settings.python, memory_mb=settings.memory, kernel=True)
        self.slots = max(1, default_workers() // 2)
        """Maximum number of concurrent notebooks."""
        self._free = asyncio.Semaphore(self.slots)

    async def run(self, request: RunJupyter) -> RunJupyterResponse:
        """Run a notebook."""
        seconds = min(request.total_timeout, MAX_CPU_S)
        limits = Limits(cpu_s=seconds, wall_s=seconds)
        try:
            files = decode(request.files)
            async with self._free, open_sandbox(self._policy, backend=self._backend) as sandbox:
                await require_kernel(sandbox, self._policy)
                result, cells = await run_notebook(
                    sandbox, request.cells, cell_s=request.cell_timeout, limits=limits, files=files
                )
        except (SandboxError, ValueError) as error:
            return RunJupyterResponse(status="SandboxError", message=f"The notebook can't be run: {error}")
        driver = result_of(result).model_copy(update={"stdout": ""})
        if any(cell.is_late for cell in cells):
            driver = driver.model_copy(update={"status": "TimeLimitExceeded", "return_code": None})
        has_ended = driver.status == "Finished" and len(cells) == len(request.cells)
        files |= {artifact.path: artifact.content for artifact in result.artifacts}
        return RunJupyterResponse(
            status="Success" if has_ended else "Failed",
            driver=driver,
            cells=[_shown(cell) for cell in cells],
            files=encode(files, request.fetch_files),
        )


def _shown(cell: NotebookCell) -> CellRunResult:
    return CellRunResult(stdout=cell.stdout, stderr=cell.stderr, display=cell.display, error=cell.error)
