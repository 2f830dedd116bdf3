"""Have a model act in the container of a Harbor task, and judge what it leaves there."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harbor.container import ContainerEnded
from benchmarks.harbor.judging import judge_acting
from benchmarks.harbor.kept_steps import KeptSteps, StepKeeping, forget_steps, is_kept
from benchmarks.harbor.mode import HarborMode
from benchmarks.harbor.resolving import agent_timeout_s
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import read_task
from benchmarks.harbor.task_agent import TaskPlace
from benchmarks.harbor.verifier import Judged
from benchmarks.judge.judge import Judge
from benchmarks.report import SampleUsage
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchStep, RunLog
from benchmarks.runner.solving import ModelSolver, attempt_of
from benchmarks.suite import HarborCase
from coder.engine.agent import solve
from coder.run.task import Task
from coder.store import data_folder, new_run_id
from sandbox.errors import SandboxError

_MACHINE = 5
"""Exit code of a run whose sandbox failed."""


async def act_and_judge(
    solver: ModelSolver,
    judge: Judge,
    case: HarborCase,
    *,
    sample: int,
    seed: int,
    record: RunLog | None = None,
) -> CaseAttempt:
    """Attempt a task: the run's session is the task's container, which is judged in the task's mode.

    Args:
        record: log of the benchmark, by which a resumed run continues at the step where it stopped; None:
            start at the first step.
    """
    plan = await judge.plan(case)
    if plan.strength is None:  # no verdict is worth a call
        return CaseAttempt()
    assert isinstance(plan.mode, HarborMode)
    attempt = CaseAttempt()
    steps = None if record is None else _Steps(record, case.id, sample)
    if steps is not None and steps.step is not None:
        attempt = CaseAttempt(usage=steps.step.usage)
    skills_dir = read_task(case.folder).table.environment.skills_dir

    async def act(step: HarborStep, place: TaskPlace) -> bool:
        nonlocal attempt
        budget = solver.settings.budget.model_copy(update={"samples": 1, "timeout": agent_timeout_s(step)})
        own = {
            "budget": budget,
            "seed": seed,
            "strategy": "act",
            "in_place": True,
            "judged_elsewhere": True,
            "asks": False,
            "keep": True,
            "caches": False,
            "kernel": False,
        }
        skills = await place.skills_text(skills_dir) if skills_dir else ""
        prompt = f"{step.instruction.rstrip()}\n\n{skills}\n" if skills else step.instruction
        run_id = new_run_id()
        if record is not None:
            await record.begin_attempt(case.id, sample, run_id)
        with tempfile.TemporaryDirectory(prefix="coder-bench-") as folder:
            run = await solve(
                Task(prompt=prompt, workspace=Path(folder)),
                settings=solver.settings.model_copy(update=own),
                model=solver.model,
                log=solver.log,
                watch=solver.watch,
                sandbox=place.open,
                run_id=run_id,
            )
        attempt = (await attempt_of(case.id, sample, run, solver.log)).after(attempt)
        solver.watch.lose(attempt)
        if attempt.cut == "time":  # the task's own limit: what the model has left is judged
            attempt = attempt.model_copy(update={"cut": None, "error": None})
        if run.exit_code == _MACHINE and await place.has_ended():
            attempt = attempt.model_copy(update={"cut": None, "error": None, "exit_code": 0})
            return True
        return run.error is None and not attempt.cut

    keeping = None if steps is None else steps.keeping(lambda: attempt.usage)
    try:
        engine = await judge.judging_sandboxes.engine()
        judged = await judge_acting(engine, case.folder, plan.mode, act, keeping=keeping)
    except ContainerEnded as error:
        judged = Judged(outcome="infrastructure", strength=plan.strength, detail=str(error))
    except SandboxError as error:
        return attempt.model_copy(update={"error": str(error), "exit_code": _MACHINE})
    if steps is not None and judged is not None:
        steps.forget()
    return attempt.model_copy(update={"judged": judged})


class _Steps:
    """Saved steps of one sample, in files beside the log of the benchmark."""

    def __init__(self, record: RunLog, case: str, sample: int) -> None:
        self._record, self._case, self._sample = record, case, sample
        self._folder = data_folder(os.environ) / "bench" / "steps" / record.run
        self.step = record.steps.get((case, sample))
        if self.step is not None and not is_kept(self.step.kept, self._folder):
            self.step = None
            record.drop_step(case, sample)

    def keeping(self, usage: Callable[[], SampleUsage | None]) -> StepKeeping:
        """Return how further steps are saved; `usage` returns the usage of all steps until then."""

        async def keep(kept: KeptSteps) -> None:
            step = BenchStep(id=self._case, sample=self._sample, kept=kept, usage=usage())
            await self._record.keep(step)
            self.forget(but=kept.files)
            self.step = step

        return StepKeeping(self._folder, keep, self.step.kept if self.step is not None else None)

    def forget(self, but: str = "") -> None:
        """Remove the saved files, unless `but` is their digest."""
        if self.step is not None and self.step.kept.files != but:
            forget_steps(self.step.kept, self._folder)
