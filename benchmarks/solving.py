"""The solver that a model is: each attempt takes the same loop as `coder solve`, on what is shown only."""

from benchmarks.attempt import Attempt, Shown
from coder.doors import solve
from coder.models.model import Model
from coder.run import Run
from coder.settings import Settings
from coder.store.lease import LeasedLog
from coder.task import Task


class ModelSolver:
    """Answers by the loop, on a model that all attempts share."""

    def __init__(self, model: Model, settings: Settings, *, log: LeasedLog) -> None:
        self._model, self._settings, self._log = model, settings, log

    async def __call__(self, case: Shown, *, sample: int, seed: int) -> Attempt:
        """One attempt.

        Raises:
            MachineError: the log can't be written.
            SandboxError: no sandbox can be had here.
        """
        settings = self._settings.model_copy(update={"seed": seed})
        task = Task(prompt=case.prompt, checks=case.visible)
        run = await solve(task, settings=settings, model=self._model, log=self._log)
        return Attempt(
            text=_module(run),
            error=run.error,
            exit_code=run.exit_code if run.error is not None else 0,
            run_id=run.run_id,
            calls=run.calls,
            input_tokens=run.tokens.input,
            output_tokens=run.tokens.output,
            cost_usd=run.cost,
            seconds=run.seconds,
        )


def _module(run: Run) -> str:
    """The file that the answer's code went to; the largest Python file where there are several."""
    if "solution.py" in run.files:
        return run.files["solution.py"]
    modules = [text for path, text in run.files.items() if path.endswith(".py")]
    return max(modules, key=len, default="")
