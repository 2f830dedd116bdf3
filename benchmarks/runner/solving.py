"""Solve cases with a model: each attempt runs the loop of `coder solve` on the visible part of the case."""

import tempfile
from pathlib import Path

from benchmarks.runner.case_attempt import CaseAttempt, VisibleCase
from benchmarks.runner.sample_usage import usage_of
from benchmarks.suite import ScriptRun
from coder.engine.agent import solve
from coder.models.model import Model
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import new_run_id
from coder.store.lease import EventLog


class ModelSolver:
    """Solves cases with a model that all attempts share."""

    def __init__(self, model: Model, settings: Settings, *, log: EventLog) -> None:
        self.model, self.settings, self.log = model, settings, log

    async def __call__(
        self, case: VisibleCase, *, sample: int, seed: int, run_id: str | None = None
    ) -> CaseAttempt:
        """Attempt a case, in a run with this id or a new one."""
        # A repository's answer is its patch, judged even if the loop's checks fail. Packages cached on this
        # machine may contain a later release of a case's.
        attempt_settings = {
            "seed": seed,
            "apply": False,
            "keep": True,
            "asks": False,
            "require": "tests",
            "caches": False,
        }
        settings = self.settings.model_copy(update=attempt_settings)
        with tempfile.TemporaryDirectory(prefix="coder-bench-") as folder:
            task = _task(case, Path(folder) / "repository")
            run = await solve(
                task, settings=settings, model=self.model, log=self.log, run_id=run_id or new_run_id()
            )
        text = run.patch if case.kind == "repository" else _module(run)
        attempt = await attempt_of(case.id, sample, run, self.log)
        return attempt.model_copy(update={"text": text})


async def attempt_of(case: str, sample: int, run: Run, log: EventLog) -> CaseAttempt:
    """Return the attempt of a run, without its answer."""
    usage = await usage_of(case, sample, run.run_id, log)
    return CaseAttempt(
        cut=run.limit == "shared",
        error=run.error,
        exit_code=run.exit_code if run.error is not None else 0,
        run_id=run.run_id,
        usage=usage.model_copy(update={"seconds": run.seconds}) if usage is not None else None,
    )


def _task(case: VisibleCase, folder: Path) -> Task:
    """Return the task for a model: the prompt, with a script's visible runs or a copy of the tree."""
    if case.kind == "repository":
        for path, content in case.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return Task(prompt=case.prompt, workspace=folder)
    examples = "".join(_example(run) for run in case.runs)
    return Task(prompt=case.prompt + examples, checks=case.visible)


def _example(run: ScriptRun) -> str:
    arguments = f" with the arguments {' '.join(run.arguments)}" if run.arguments else ""
    return f"\n\nFor the input{arguments}:\n{run.stdin}\nit prints:\n{run.stdout}"


def _module(run: Run) -> str:
    """Return the file with the answer's code; the longest Python file if `solution.py` is missing."""
    if "solution.py" in run.files:
        return run.files["solution.py"]
    modules = [text for path, text in run.files.items() if path.endswith(".py")]
    return max(modules, key=len, default="")
