"""The doors: solve a task, or go on with a run that stopped."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from coder.context.secrecy import secrets_in
from coder.environment.dependencies import with_dependencies
from coder.environment.workbench import OpenSandbox, Workbench, open_for, with_room, with_sources
from coder.errors import CoderError, MachineError, UsageError
from coder.loop import Team, advance
from coder.models.model import Model
from coder.run.event_types import RunResumed, RunStopped, StoredFile
from coder.run.journal import Journal
from coder.run.model_choice import asked_of, default_model, same_model
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.summary import summarize
from coder.run.task import Task
from coder.run.termination import Stop
from coder.run.watch import Unwatched, Watch
from coder.store import LeasedLog, SqliteLog, data_folder, new_run_id
from coder.teams.strategies import settled, taken
from coder.text.redact import Redactor
from coder.turn import Turn
from coder.verify.baseline import take_baseline, wants_baseline
from coder.verify.preflight import prepare
from coder.workspace.deliver import deliver, see_committable, with_written
from coder.workspace.read import read_workspace
from coder.workspace.restore import restore
from sandbox import SandboxError


async def solve(
    task: Task,
    *,
    settings: Settings | None = None,
    model: Model | None = None,
    team: Team | None = None,
    sandbox: OpenSandbox | None = None,
    stop: Stop | None = None,
    log: LeasedLog | None = None,
    watch: Watch | None = None,
) -> Run:
    """Write code for a task, run it in a sandbox, repair it, and stop when its tests pass or a limit says so.

    Args:
        model: None is a key's provider, a model server on this machine, or the embedded model, in this order.
        sandbox: opens a sandbox for a policy; None is the strongest that this machine has.
        log: None is the user's own log, so that `coder show` and `coder resume` know the run.

    Raises:
        UsageError: the task can't be worked on as it is; nothing was called.
        SandboxError: no sandbox can be had here, before any call.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    settings = settings or Settings()
    if task.workspace is not None:  # a resume may happen in another folder
        task = task.model_copy(update={"workspace": task.workspace.absolute()})
    async with AsyncExitStack() as stack:
        log = log or stack.enter_context(SqliteLog(data_folder(os.environ)))
        see_committable(task, settings)
        read = read_workspace(task, lands=settings.lands)
        bench = await stack.enter_async_context(open_bench(task, settings, sandbox, watch, read.files))
        await prepare(bench, task, read.files)
        if model is None:
            model = await stack.enter_async_context(default_model(settings, task))
        settings = settings.model_copy(update=asked_of(settings).for_log().model_dump())
        if team is None:
            settings = settled(settings, task, model=model.name)
        strategy = taken(settings)
        run = new_run_id()
        token = await stack.enter_async_context(log.lease(run))
        journal = Journal(run, log, token=token, watch=watch or Unwatched())
        await journal.append(read.started(task, settings, model=model.name))
        journal.hold(read.files)
        return await work(journal, model, bench, team or strategy.team(), stop or strategy.stop())


async def resume(
    run: str,
    *,
    log: LeasedLog | None = None,
    budget: Budget | None = None,
    settings: Settings | None = None,
    model: Model | None = None,
    team: Team | None = None,
    sandbox: OpenSandbox | None = None,
    stop: Stop | None = None,
    watch: Watch | None = None,
) -> Run:
    """Go on with a run that stopped or was cut off. No model call that has an answer is made again.

    Args:
        run: its id.
        budget: new limits, in all and not on top; None keeps the old ones.
        settings: those that hold from now on; None keeps the old ones.
        model: None is the model that the run began with.

    Raises:
        UsageError: the log holds no such run.
        LeaseHeld: another process works on it.
        LogDamaged, LogNewer, MachineError: the log can't be used.
        SandboxError: no sandbox can be had here.
    """
    async with AsyncExitStack() as stack:
        log = log or stack.enter_context(SqliteLog(data_folder(os.environ)))
        token = await stack.enter_async_context(log.lease(run))
        journal = Journal(run, log, token=token, watch=watch or Unwatched())
        state = await loaded(journal)
        restored = restore(state)
        bench = await stack.enter_async_context(
            open_bench(state.task, settings or state.settings, sandbox, watch, restored.files)
        )
        await prepare(bench, state.task, restored.files)
        if model is None:
            model = await stack.enter_async_context(same_model(state))
        strategy = taken(settings or state.settings)
        limits = strategy.limited(budget) if budget is not None and team is None else budget or state.budget
        resumed = RunResumed(budget=limits, model=model.name, settings=settings)
        await journal.append(resumed, *restored.happened)
        journal.hold(restored.files)
        return await work(journal, model, bench, team or strategy.team(), stop or strategy.stop())


def solve_sync(
    task: Task,
    *,
    settings: Settings | None = None,
    model: Model | None = None,
    team: Team | None = None,
    sandbox: OpenSandbox | None = None,
    stop: Stop | None = None,
    log: LeasedLog | None = None,
    watch: Watch | None = None,
) -> Run:
    """`solve` for callers without an event loop. Same arguments, same errors."""
    return asyncio.run(
        solve(
            task, settings=settings, model=model, team=team, sandbox=sandbox, stop=stop, log=log, watch=watch
        )
    )


async def work(journal: Journal, model: Model, bench: Workbench, team: Team, stop: Stop) -> Run:
    """Advance until the run has stopped, and put whatever ended it into the log.

    Raises:
        CancelledError: it was cancelled; the log says that it was interrupted.
        MachineError: the log can't be written.
    """
    try:
        if wants_baseline(journal.state):
            await journal.append(await take_baseline(bench, journal.state))
        await advance(
            journal,
            team=team,
            stop=stop,
            turn=lambda name: Turn(name, journal=journal, model=model, bench=bench),
            land=deliver,
        )
    except asyncio.CancelledError:
        await journal.append(RunStopped(status="interrupted", reason="interrupted", exit_code=130))
        raise
    except MachineError as error:
        # The log itself may be what failed: what it holds is enough to resume from.
        raise with_written(error, journal.state) from error
    except (CoderError, SandboxError) as error:
        code = error.exit_code if isinstance(error, CoderError) else MachineError.exit_code
        await journal.append(RunStopped(status="error", reason=str(error), exit_code=code, error=str(error)))
    return summarize(journal.state)


@asynccontextmanager
async def open_bench(
    task: Task,
    settings: Settings,
    sandbox: OpenSandbox | None,
    watch: Watch | None,
    files: Mapping[str, StoredFile],
) -> AsyncIterator[Workbench]:
    """The sandboxes of a run for these files; they open when they are first used.

    Raises:
        UsageError: the interpreter that was named can't be used.
    """
    policy, opener = open_for(task, settings)
    policy = with_sources(with_room(policy, files), task, files)
    policy = with_dependencies(policy, task.workspace, files, settings=settings)
    texts = {path: stored.text for path, stored in files.items() if stored.text is not None}
    redactor = Redactor.from_environment(secrets=secrets_in(texts))
    on_output = watch.output if watch is not None else None
    async with Workbench(policy, sandbox or opener, redactor=redactor, on_output=on_output) as bench:
        yield bench


async def loaded(journal: Journal) -> State:
    """The state of a run that is to go on.

    Raises:
        UsageError: the log holds no such run.
        LogDamaged, LogNewer: it can't be read.
    """
    try:
        return await journal.load()
    except ValueError as error:
        raise UsageError(f"Can't resume {journal.run}: {error}. See the runs with: coder ls") from error
