"""Work through the steps of a Harbor task in one container, and judge each of them apart from it.

While a step is judged, all processes of the container are frozen; they continue with the next step. After the
last step they end.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks.harbor.apart import judge_apart
from benchmarks.harbor.archive_reader import MAX_BYTES, ChangesTooLarge
from benchmarks.harbor.artifacts import read_artifacts, run_collecting
from benchmarks.harbor.changes import ContainerChanges, read_changes
from benchmarks.harbor.combining import combine, falls_short
from benchmarks.harbor.container import ContainerEnded, HarborContainer
from benchmarks.harbor.health import wait_until_healthy
from benchmarks.harbor.kept_steps import StepKeeping, keep_step
from benchmarks.harbor.mode import HarborMode, StepMode
from benchmarks.harbor.resolving import (
    agent_timeout_s,
    user_of,
    verifier_for,
    verifier_recipe,
    with_network,
)
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import HarborTask
from benchmarks.harbor.verifier import Judged, judge_shared, put_files
from coder.base.errors import UsageError

_CLEAN = "rm -rf /tests /logs/verifier"
_CLEAN_S = 60.0
Act = Callable[[HarborStep], Awaitable[bool]]


async def judge_steps(
    task: HarborTask,
    container: HarborContainer,
    mode: HarborMode,
    act: Act,
    *,
    keeping: StepKeeping | None = None,
) -> Judged | None:
    """Run an answer on each step, and judge the result.

    Args:
        container: running container of the agent.
        act: works on a step, and returns whether the result is to be judged.
        keeping: saves the results of each step but the last. Saved steps aren't repeated; the container
            has their results.

    Returns:
        None if a step is not to be judged.

    Raises:
        SandboxBroken: the engine failed.
    """
    verdicts = list(keeping.kept.verdicts) if keeping is not None and keeping.kept is not None else []
    begun = len(verdicts)
    for number, step in enumerate(task.steps[begun:], begun):
        is_last = number + 1 == len(task.steps)
        try:
            reason = await _prepare(container, step)
            if reason is None and not await act(step):
                return None
        except ContainerEnded as error:
            if number == begun:  # nobody has acted in it
                raise
            reason = str(error)
        if reason is not None:
            verdicts.append(Judged(outcome="error", strength=mode.strength, detail=reason))
            break
        keep = None
        # A task that is judged beside its processes goes on in the same container, so nothing is kept.
        if keeping is not None and not is_last and mode.how == "apart":
            keep = partial(_keep, keeping, container, step, tuple(verdicts))
        judged = await _judge(task, step, container, mode, mode.step(number), keep=keep, is_last=is_last)
        verdicts.append(judged)
        if falls_short(step, judged):
            break
    return combine(task, verdicts)


async def _keep(
    keeping: StepKeeping,
    container: HarborContainer,
    step: HarborStep,
    before: tuple[Judged, ...],
    judged: Judged,
    changes: ContainerChanges | None,
) -> None:
    """Save the results of a step, unless it is the last one that is tried."""
    if not falls_short(step, judged):
        kept = await keep_step(container, (*before, judged), keeping.folder, changes)
        if kept is not None:
            await keeping.keep(kept)


async def _prepare(container: HarborContainer, step: HarborStep) -> str | None:
    """Put the step's files into the work folder and run its `setup.sh`; return why that failed, or None."""
    if step.workdir is not None:
        await put_files(container, step.workdir, container.workdir)
        if (step.workdir / "setup.sh").is_file():
            script = f"{container.workdir.rstrip('/')}/setup.sh"
            ended = await container.run(
                ["bash", script],
                timeout_s=agent_timeout_s(step),
                user=user_of(step.agent.user),
                ends_container=False,
            )
            if ended.exit_code != 0:
                how = "took too long" if ended.timed_out else f"ended with exit code {ended.exit_code}"
                return f"its setup.sh {how}"
    if step.healthcheck is not None:
        try:
            await wait_until_healthy(container.run, step.healthcheck)
        except UsageError as error:
            return str(error)
    return None


async def _judge(
    task: HarborTask,
    step: HarborStep,
    container: HarborContainer,
    mode: HarborMode,
    own: StepMode,
    *,
    keep: Callable[[Judged, ContainerChanges | None], Awaitable[None]] | None,
    is_last: bool,
) -> Judged:
    """Judge the results of an agent in its container, in the task's mode.

    Args:
        keep: called while the container is frozen, with the verdict, and the changes if they were read.
    """
    verifier = verifier_for(step)
    await run_collecting(container, step.verifier.collect)
    is_separate = step.verifier.mode == "separate"
    if mode.how == "shared" and not is_separate:
        judged = await judge_shared(container, verifier, ends_container=is_last)
        if not is_last and judged.outcome != "timeout":
            await container.run(["sh", "-c", _CLEAN], timeout_s=_CLEAN_S, user="0")
        return judged
    usual = with_network(container.recipe, step.verifier.network)
    recipe = await verifier_recipe(container.engine, task, step) if is_separate else usual
    storage_mb = task.table.environment.storage_mb
    max_bytes = MAX_BYTES if storage_mb is None else storage_mb << 20
    read = partial(read_artifacts, declared=step.artifacts) if is_separate else read_changes
    if is_last:
        await container.stop()
    try:
        async with container.frozen(), read(container, max_bytes=max_bytes) as changes:
            judged = await judge_apart(
                container.engine,
                recipe,
                verifier,
                changes,
                agent_recipe=usual,
                oracle_needs_deciding=own.needs_deciding,
                own=own.own,
                is_solution=mode.is_solution,
            )
            if keep is not None:
                await keep(judged, None if is_separate else changes)
            return judged
    except ChangesTooLarge as error:
        return Judged(outcome="error", strength="apart", detail=str(error))
