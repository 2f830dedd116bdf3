"""Have a model act in the container of a Harbor task, and judge what it leaves there."""

import tempfile
from pathlib import Path

from benchmarks.harbor.container import ContainerEnded
from benchmarks.harbor.judging import judge_acting
from benchmarks.harbor.mode import HarborMode
from benchmarks.harbor.resolving import agent_timeout_s
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import read_task
from benchmarks.harbor.task_agent import TaskPlace
from benchmarks.harbor.verifier import Judged
from benchmarks.judge.judge import Judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.solving import ModelSolver, attempt_of
from benchmarks.suite import HarborCase
from coder.engine.agent import solve
from coder.run.task import Task
from sandbox.errors import SandboxError

_MACHINE = 5
"""Exit code of a run whose sandbox failed."""


async def act_and_judge(
    solver: ModelSolver, judge: Judge, case: HarborCase, *, sample: int, seed: int
) -> CaseAttempt:
    """Attempt a task: the run's session is the task's container, and is judged as the task's mode says."""
    plan = await judge.plan(case)
    if plan.strength is None:  # no verdict is worth a call
        return CaseAttempt()
    assert isinstance(plan.mode, HarborMode)
    attempt = CaseAttempt()
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
        with tempfile.TemporaryDirectory(prefix="coder-bench-") as folder:
            run = await solve(
                Task(prompt=prompt, workspace=Path(folder)),
                settings=solver.settings.model_copy(update=own),
                model=solver.model,
                log=solver.log,
                sandbox=place.open,
            )
        attempt = attempt_of(case.id, sample, run).after(attempt)
        if run.exit_code == _MACHINE and await place.has_ended():
            attempt = attempt.model_copy(update={"error": None, "exit_code": 0})
            return True
        return run.error is None and not attempt.unpaid

    try:
        judged = await judge_acting(await judge.places.engine(), case.folder, plan.mode, act)
    except ContainerEnded as error:
        judged = Judged(outcome="infrastructure", strength=plan.strength, detail=str(error))
    except SandboxError as error:
        return attempt.model_copy(update={"error": str(error), "exit_code": _MACHINE})
    return attempt.model_copy(update={"judged": judged})
