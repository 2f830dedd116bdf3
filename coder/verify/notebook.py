"""Run an answer as cells, in a kernel that no other answer has been in."""

from coder.environment.cell_runs import run_cells
from coder.environment.cells import cells_of
from coder.environment.workbench import Workbench
from sandbox import FileRefused, Result

_NEEDS_INPUT = "StdinNotImplementedError: "


async def run_in_cells(bench: Workbench, source: bytes) -> Result:
    """What its cells showed. What rich outputs they had stands in the workspace, beside the answer.

    Raises:
        SandboxError: the sandbox itself failed, or has no ipykernel.
    """
    kernel = await bench.kernel()
    cells = cells_of(source.decode("utf-8", "replace"))
    result = await run_cells(kernel, cells, policy=bench.policy, on_output=bench.on_output)
    await kernel.restart()  # nothing of it may go on beside its tests, nor in the next answer
    left_out = result.artifacts_left_out
    for artifact in result.artifacts:
        try:
            await kernel.sandbox.write(artifact.path, artifact.content)
        except FileRefused:  # the disk is full, or the answer put something else there
            left_out += 1
    return result.model_copy(update={"artifacts_left_out": left_out})


def waits_for_input(result: Result) -> bool:
    """The cells ended because they asked for input, which nobody gives."""
    return result.status == "error" and _NEEDS_INPUT in result.stderr[-500:]
