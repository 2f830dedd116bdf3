"""Judge one answer to a Harbor task: apart where the task's own solution passes so, else as its author says.

An answer is what happens in the agent's container: nothing, the task's own solution, or a shell script. The
solution is named by its digest, which only who has it can write: no other answer can ask for it.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from benchmarks.harbor.apart import judge_apart
from benchmarks.harbor.changes import ChangesTooLarge, read_changes
from benchmarks.harbor.container import ContainerEnded, HarborContainer, open_container
from benchmarks.harbor.image import folder_digest, task_image
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import HarborTask, read_task
from benchmarks.harbor.task_agent import TaskPlace
from benchmarks.harbor.twin import OwnWork
from benchmarks.harbor.verifier import Judged, Verifier, judge_shared, put_folder
from benchmarks.verdict import Strength
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine
from sandbox.errors import BackendMissing
from sandbox.result import Value

_SOLVE = "/solution/solve.sh"
_LONGEST_S = 3600.0
"""Limit of an agent where the task has none."""
_PROBE_S = 30.0
_AGENT_LOG = "/logs/agent/agent.txt"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class HarborMode(Value):
    """How a task is judged, which its own solution fixes before answers are judged.

    apart: tests in a fresh container. shared: tests beside the agent's living processes, as the solution
    fails apart. broken: the solution fails both ways, or the task can't be run.
    """

    how: Literal["apart", "shared", "broken"]
    strength: Strength = "apart"
    """Strength of the verdict on the solution; verdicts on answers have their own."""
    needs_deciding: bool = False
    """Whether the solution passes only with changed programs, libraries or startup files of the image."""
    own: OwnWork | None = None
    """What the solution changes; None while it is being found, or without a solution."""
    is_solution: bool = False
    """Whether the solution itself is judged, to find its mode."""
    reason: str = ""


async def find_harbor_mode(engine: Engine, folder: Path) -> HarborMode:
    """Find how a task is judged by running its own solution."""
    try:
        task = read_task(folder)
        _require_supported(task)
        if (solution := solution_answer(task)) is None:
            async with _agent_container(engine, task, "") as (_, container):
                await container.run(["true"], timeout_s=_PROBE_S)
            reason = "without a solution of its own, nothing says whether its tests pass apart"
            return HarborMode(how="apart", reason=reason)
        finding = HarborMode(how="apart", needs_deciding=True, is_solution=True)
        apart = await judge_harbor(engine, folder, solution, finding)
        if apart.outcome == "passed":
            return HarborMode(
                how="apart",
                strength=apart.strength,
                needs_deciding=apart.needs_deciding,
                own=apart.own,
                reason=", ".join(map(str, apart.outside)),
            )
        shared = await judge_harbor(engine, folder, solution, HarborMode(how="shared"))
    except (UsageError, BackendMissing, ContainerEnded) as error:  # other tasks continue
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
    async with _agent_container(engine, read_task(folder), answer) as (task, container):
        return await _judge(engine, task, container, mode)


async def judge_acting(
    engine: Engine,
    folder: Path,
    mode: HarborMode,
    act: Callable[[HarborTask, TaskPlace], Awaitable[bool]],
) -> Judged | None:
    """Have a model act in the container of a task, and judge what it leaves there.

    Args:
        act: works in sandboxes of the place, and returns whether what it leaves is to be judged.

    Returns:
        None if there is nothing to judge.

    Raises:
        UsageError: the task needs what isn't supported.
        BackendMissing: the image lacks what our agent needs.
        ContainerEnded: the container doesn't start, or ended by itself before anybody acted in it.
        SandboxBroken: the engine failed.
    """
    async with _agent_container(engine, read_task(folder), "", has_agent=True) as (task, container):
        await container.run(["true"], timeout_s=_PROBE_S)  # what ends it from now on is the answer's doing
        place = TaskPlace(container, _user(task.steps[0].agent.user))
        try:
            is_left = await act(task, place)
        finally:
            await place.close()
        return await _judge(engine, task, container, mode) if is_left else None


def agent_timeout_s(task: HarborTask) -> float:
    """Return the time that an agent has."""
    return task.steps[0].agent.timeout_s or _LONGEST_S


async def _judge(engine: Engine, task: HarborTask, container: HarborContainer, mode: HarborMode) -> Judged:
    """Judge what an agent has left in its container, as the task's mode says."""
    step = task.steps[0]
    verifier = Verifier(
        tests=step.verifier.test_folders,
        timeout_s=step.verifier.timeout_s,
        environment=_expand(step.verifier.env),
        user=_user(step.verifier.user),
        artifacts=tuple(artifact.source for artifact in step.artifacts if artifact.source.startswith("/")),
    )
    if mode.how == "shared":
        return await judge_shared(container, verifier)
    await container.stop()
    recipe = _recipe(task, container.recipe.image, step.verifier.network.mode)
    storage_mb = task.table.environment.storage_mb
    limit = {} if storage_mb is None else {"max_bytes": storage_mb << 20}
    try:
        async with read_changes(container, **limit) as changes:
            return await judge_apart(
                engine,
                recipe,
                verifier,
                changes,
                oracle_needs_deciding=mode.needs_deciding,
                own=mode.own,
                is_solution=mode.is_solution,
            )
    except ChangesTooLarge as error:
        return Judged(outcome="error", strength="apart", detail=str(error))


def solution_answer(task: HarborTask) -> str | None:
    """Return the answer that stands for the task's own solution; None if it has none."""
    solution = task.steps[0].solution
    return None if solution is None else f"solution {folder_digest(solution)}"


def _require_supported(task: HarborTask) -> None:
    """Raise UsageError if the task needs what isn't supported."""
    step = task.steps[0]
    lacking = {
        "tasks of several steps": len(task.steps) > 1 or step.name is not None,
        "a verifier with an image of its own": not step.verifier.test_folders,
        "commands that collect from services": bool(step.verifier.collect),
        "GPUs": bool(task.table.environment.gpus),
    }
    if names := [name for name, is_needed in lacking.items() if is_needed]:
        raise UsageError(f"{task.folder} needs {' and '.join(names)}, which isn't supported.")


async def _image(engine: Engine, task: HarborTask) -> str:
    environment = task.table.environment
    return await task_image(
        engine,
        task.build_folder or task.folder / "environment",
        docker_image=environment.docker_image,
        timeout_s=environment.build_timeout_sec,
    )


def _recipe(
    task: HarborTask, image: str, network: Literal["public", "no-network", "allowlist"]
) -> HarborRecipe:
    environment = task.table.environment
    return HarborRecipe(
        image=image,
        network=network,
        environment=_expand(environment.env),
        workdir=environment.workdir,
        cpus=environment.cpus,
        memory_mb=environment.memory_mb,
        healthcheck=environment.healthcheck,
    )


@asynccontextmanager
async def _agent_container(
    engine: Engine, task: HarborTask, answer: str, *, has_agent: bool = False
) -> AsyncIterator[tuple[HarborTask, HarborContainer]]:
    """Open the agent's container, and run the answer in it."""
    step = task.steps[0]
    recipe = _recipe(task, await _image(engine, task), step.agent.network.mode)
    async with open_container(engine, recipe.model_copy(update={"has_agent": has_agent})) as container:
        if step.solution is not None and answer == solution_answer(task):
            await put_folder(container, step.solution, "solution")
            environment = {"DEBIAN_FRONTEND": "noninteractive", **_expand(task.table.solution.env)}
            await _run(container, step, [_SOLVE], environment)
        elif answer or has_agent:
            await put_folder(container, None, "logs")
            if answer:
                await _run(container, step, ["bash", "-c", answer], {})
        yield task, container


async def _run(
    container: HarborContainer, step: HarborStep, command: list[str], environment: Mapping[str, str]
) -> None:
    await container.run(
        command,
        timeout_s=step.agent.timeout_s or _LONGEST_S,
        environment=environment,
        user=_user(step.agent.user),
        log=_AGENT_LOG,
    )


def _user(user: str | int | None) -> str | None:
    return None if user is None else str(user)


def _expand(variables: Mapping[str, str]) -> dict[str, str]:
    """Replace `${NAME:-default}` by its default: a task is given no variable of this process, such as a key.

    Raises UsageError: a variable has no default.
    """

    def value_of(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if default is None:
            raise UsageError(
                f"The task asks for your environment variable {name}, and tasks are given none of them.\n"
                f"If it may have it, write the value in its task.toml in place of ${{{name}}}."
            )
        return str(default)

    return {name: _VARIABLE.sub(value_of, text) for name, text in variables.items()}
