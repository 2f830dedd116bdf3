"""Judge one answer to a Harbor task: apart if its own solution passes apart, else as its author specifies.

An answer runs in the agent's container: nothing, the task's own solution, or a shell script, which runs at
each step. The solution is named by its digest, which can't be computed without the solution, so that no other
answer can request it.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.image import folder_digest
from benchmarks.harbor.kept_steps import StepKeeping, restore_step
from benchmarks.harbor.mode import HarborMode, StepMode
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.resolving import (
    agent_recipe,
    agent_timeout_s,
    expand,
    user_of,
    verifier_recipe,
)
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.stepping import judge_steps
from benchmarks.harbor.task import HarborTask, read_task
from benchmarks.harbor.task_agent import TaskPlace
from benchmarks.harbor.verifier import Judged, put_folder
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine
from sandbox.errors import SandboxError

_SOLVE = "/solution/solve.sh"
_PROBE_S = 30.0
_AGENT_LOG = "/logs/agent/agent.txt"


async def find_harbor_mode(engine: Engine, folder: Path) -> HarborMode:
    """Find how a task is judged by running its own solution."""
    try:
        task = read_task(folder)
        _require_supported(task)
        if (solution := solution_answer(task)) is None:
            for step in task.steps:
                if step.verifier.mode == "separate":
                    await verifier_recipe(engine, task, step)
            async with _agent_container(engine, task) as container:
                await container.run(["true"], timeout_s=_PROBE_S)
            reason = "without a solution of its own, nothing says whether its tests pass apart"
            return HarborMode(how="apart", reason=reason)
        finding = HarborMode(how="apart", is_solution=True)
        apart = await judge_harbor(engine, folder, solution, finding)
        if apart.outcome == "passed":
            return HarborMode(
                how="apart",
                strength=apart.strength,
                steps=tuple(
                    StepMode(needs_deciding=step.needs_deciding, own=step.own)
                    for step in apart.steps or (apart,)
                ),
                reason=", ".join(map(str, apart.outside)),
            )
        beside = [step for step in task.steps if step.verifier.mode == "shared"]
        if not beside:
            return HarborMode(how="broken", reason=f"its own solution fails: {apart.detail}")
        if any(step.agent.network != step.verifier.network for step in beside):
            reason = f"its own solution fails apart ({apart.detail}), and its tests have another network"
            return HarborMode(how="broken", reason=f"{reason} than its agent: they can't run beside it")
        shared = await judge_harbor(engine, folder, solution, HarborMode(how="shared"))
    except (UsageError, SandboxError) as error:  # other tasks continue
        return HarborMode(how="broken", reason=str(error))
    if shared.outcome == "passed":
        reason = f"its own solution passes only beside its processes; apart: {apart.detail}"
        return HarborMode(how="shared", strength="weak", reason=reason)
    return HarborMode(how="broken", reason=f"its own solution fails: {shared.detail}")


async def judge_harbor(engine: Engine, folder: Path, answer: str, mode: HarborMode) -> Judged:
    """Judge an answer: an empty text, `solution_answer`, or a shell script that runs as the agent.

    Raises:
        UsageError: the task needs what isn't supported.
        ContainerEnded: the container doesn't start, or ended by itself before the answer ran.
        SandboxBroken: the engine failed.
    """
    task = read_task(folder)
    async with _agent_container(engine, task) as container:

        async def act(step: HarborStep) -> bool:
            await _answer(container, task, step, answer)
            return True

        judged = await judge_steps(task, container, mode, act)
        assert judged is not None
        return judged


async def judge_acting(
    engine: Engine,
    folder: Path,
    mode: HarborMode,
    act: Callable[[HarborStep, TaskPlace], Awaitable[bool]],
    *,
    keeping: StepKeeping | None = None,
) -> Judged | None:
    """Have a model act in the container of a task, and judge what it leaves there.

    Args:
        act: works on a step in sandboxes of the place, and returns whether the result is to be judged.
        keeping: saves the results of steps, and has the saved steps, after which work begins.

    Returns:
        None if there is nothing to judge.

    Raises:
        UsageError: the task needs what isn't supported.
        BackendMissing: the image lacks programs that our agent needs.
        ContainerEnded: the container doesn't start, or ended by itself before the model acted in it.
        SandboxBroken: the engine failed.
    """
    task = read_task(folder)
    async with _agent_container(engine, task, has_agent=True) as container:
        await put_folder(container, None, "logs")
        if keeping is not None and keeping.kept is not None:
            await restore_step(container, keeping.kept, keeping.folder)
        await container.run(["true"], timeout_s=_PROBE_S)  # what ends it from now on is the answer's doing

        async def act_on(step: HarborStep) -> bool:
            place = TaskPlace(container, user_of(step.agent.user))
            try:
                return await act(step, place)
            finally:
                await place.close()

        return await judge_steps(task, container, mode, act_on, keeping=keeping)


def solution_answer(task: HarborTask) -> str | None:
    """Return the answer that stands for the task's own solution; None if it has none."""
    solutions = [step.solution for step in task.steps]
    if not any(solutions):
        return None
    if len(solutions) == 1:
        return f"solution {folder_digest(solutions[0])}" if solutions[0] else None
    digests = ["" if solution is None else folder_digest(solution) for solution in solutions]
    return f"solution {hashlib.sha256(' '.join(digests).encode()).hexdigest()}"


def _require_supported(task: HarborTask) -> None:
    """Raise UsageError if the task needs what isn't supported."""
    steps = task.steps
    environments = [task.table.environment, *(step.verifier.environment for step in steps)]
    lacking = {
        "steps whose agents have different networks": len({step.agent.network for step in steps}) > 1,
        "the artifact /, which is everything,": any(
            artifact.source.strip("/") == "" for step in steps for artifact in step.artifacts
        ),
        "GPUs": any(environment is not None and environment.gpus for environment in environments),
    }
    if names := [name for name, is_needed in lacking.items() if is_needed]:
        raise UsageError(f"{task.folder} needs {' and '.join(names)}, which isn't supported.")


@asynccontextmanager
async def _agent_container(
    engine: Engine, task: HarborTask, *, has_agent: bool = False
) -> AsyncIterator[HarborContainer]:
    """Open the container that an agent works in."""
    recipe = await agent_recipe(engine, task)
    async with open_container(engine, recipe.model_copy(update={"has_agent": has_agent})) as container:
        yield container


async def _answer(container: HarborContainer, task: HarborTask, step: HarborStep, answer: str) -> None:
    """Run an answer, or the task's own solution of the step."""
    if not answer:
        return
    if answer != solution_answer(task):
        await put_folder(container, None, "logs")
        await _run(container, task, step, ["bash", "-c", answer], {})
    elif step.solution is not None:
        await put_folder(container, step.solution, "solution")
        environment = {"DEBIAN_FRONTEND": "noninteractive", **expand(task.table.solution.env)}
        await _run(container, task, step, [_SOLVE], environment)


async def _run(
    container: HarborContainer,
    task: HarborTask,
    step: HarborStep,
    command: list[str],
    environment: Mapping[str, str],
) -> None:
    await container.run(
        command,
        timeout_s=agent_timeout_s(step),
        environment=environment,
        user=user_of(step.agent.user),
        log=_AGENT_LOG,
        ends_container=step is task.steps[-1],
    )
