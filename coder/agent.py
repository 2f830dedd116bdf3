"""The doors: solve a task, or go on with a run that stopped."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict, Unpack

from coder.environment.run_policy import OpenSandbox, policy_for, redactor_for
from coder.environment.workbench import Workbench
from coder.errors import CoderError, MachineError, UsageError
from coder.loop import Team, advance
from coder.models.abilities import abilities_of
from coder.models.model import Model
from coder.run.event_types import RunResumed, RunStopped, StoredFile
from coder.run.journal import Journal, answered
from coder.run.model_choice import asked_of, default_model, same_model
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.summary import summarize
from coder.run.task import Task
from coder.run.termination import Stop
from coder.run.watch import Unwatched, Watch
from coder.store import EventLog, SqliteLog, data_folder, new_run_id
from coder.teams.strategies import named_limits, settled, suited, taken
from coder.turn import Turn
from coder.verify.preflight import prepare
from coder.workspace.deliver import deliver, see_committable, with_written
from coder.workspace.overlay import shown_files
from coder.workspace.read import read_workspace
from sandbox import SandboxError


class Options(TypedDict, total=False):
    """The keywords that `solve`, `solve_sync` and `resume` share. Each may be left out, or be None."""

    settings: Settings | None
    """None is the defaults; at a resume the run's own."""
    model: Model | None
    """None is a key's provider, a model server on this machine, or the embedded model, in this order; at a
    resume the model that the run began with."""
    team: Team | None
    """None is the team of the strategy in the settings."""
    stop: Stop | None
    """None is the stop of the strategy in the settings."""
    sandbox: OpenSandbox | None
    """Opens a sandbox for a policy; None is the strongest that this machine has."""
    tools: Sequence[Callable[..., object]] | None
    """Typed functions with a docstring that a model which acts may call beside its own tools. They run here,
    outside of any sandbox; what one gives is data for the model."""
    log: EventLog | None
    """None is the user's own log, so that `coder show` and `coder resume` know the run."""
    watch: Watch | None
    """Sees each event as it happens; None agrees to what is to be written."""


async def solve(task: Task, **options: Unpack[Options]) -> Run:
    """Write code for a task, run it in a sandbox, repair it, and stop when its tests pass or a limit says so.

    Raises:
        UsageError: the task can't be worked on as it is; nothing was called.
        SandboxError: no sandbox can be had here, before any call.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    _see_known(options)
    settings = options.get("settings") or Settings()
    if task.workspace is not None:  # a resume may happen in another folder
        task = task.model_copy(update={"workspace": task.workspace.absolute()})
    async with AsyncExitStack() as stack:
        log = options.get("log") or stack.enter_context(SqliteLog(data_folder(os.environ)))
        see_committable(task, settings)
        read = read_workspace(task, lands=settings.lands)
        bench = await stack.enter_async_context(open_environment(task, settings, read.files, options))
        if (model := options.get("model")) is None:
            model = await stack.enter_async_context(default_model(settings, task))
        settings = settings.model_copy(update=asked_of(settings).for_log().model_dump())
        if options.get("team") is None:
            settings = await _settled(settings, task, model, bench)
        journal = await _open_journal(stack, new_run_id(), log, options)
        await journal.append(read.started(task, settings, model=model.name))
        journal.hold(read.files)
        return await work(journal, model, bench, team=options.get("team"), stop=options.get("stop"))


async def _settled(settings: Settings, task: Task, model: Model, bench: Workbench) -> Settings:
    """The settings with one strategy in them; it is seen first that a model which is to act can."""
    able = abilities_of(model)
    name = settings.strategy or "auto"
    if name == "auto":
        name = suited(task, settings, model=model.name, able=able)
    sessions = name != "act" or await bench.has_sessions()
    chosen = settled(settings, task, model=model.name, able=able, sessions=sessions)
    _see_tools(bench, chosen)
    return chosen


def _see_tools(bench: Workbench, settings: Settings) -> None:
    if bench.tools and settings.strategy != "act":
        raise UsageError(
            f"Tools are for a model that acts, and --strategy {settings.strategy or 'repair'} calls none."
        )


async def resume(
    run: str, *, budget: Budget | None = None, answer: str | None = None, **options: Unpack[Options]
) -> Run:
    """Go on with a run that stopped or was cut off. No model call that has an answer is made again.

    Args:
        run: its id.
        budget: new limits, in all and not on top; None keeps the old ones.
        answer: what the user says to the question that the run waits with.
        options: hold from now on.

    Raises:
        UsageError: the log holds no such run, there is an answer and it has asked nothing, or the strategy
            that the options name wants what isn't there.
        LeaseHeld: another process works on it.
        LogDamaged, LogNewer, MachineError: the log can't be used.
        SandboxError: no sandbox can be had here.
    """
    from coder.workspace.restore import restore

    _see_known(options)
    async with AsyncExitStack() as stack:
        log = options.get("log") or stack.enter_context(SqliteLog(data_folder(os.environ)))
        journal = await _open_journal(stack, run, log, options)
        state = await loaded(journal)
        before = state.settings
        settings = options.get("settings") or before
        if settings.strategy is None:
            settings = settings.model_copy(update={"strategy": before.strategy})
        restored = restore(state)
        bench = await stack.enter_async_context(
            open_environment(state.task, settings, restored.files, options)
        )
        if (model := options.get("model")) is None:
            model = await stack.enter_async_context(same_model(state))
        if options.get("team") is None:
            if settings.strategy != before.strategy:
                limits = budget or named_limits(before, state.budget)
                wanted = settings.model_copy(update={"budget": limits})
                settings = await _settled(wanted, state.task, model, bench)
                budget = settings.budget
            elif budget is not None:
                budget = taken(settings).limited(budget)
            _see_tools(bench, settings)
        changed = settings if settings != before else None
        resumed = RunResumed(budget=budget or state.budget, model=model.name, settings=changed)
        await journal.append(resumed, *answered(state, answer), *restored.happened)
        journal.hold(restored.files)
        return await work(journal, model, bench, team=options.get("team"), stop=options.get("stop"))


def solve_sync(task: Task, **options: Unpack[Options]) -> Run:
    """`solve` for callers without an event loop. Same arguments, same errors."""
    return asyncio.run(solve(task, **options))


def _see_known(options: Options) -> None:
    """Refuse a keyword that is none, as Python does where each one is named."""
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        raise TypeError(
            f"unexpected keyword argument {unknown[0]!r}; there are: {', '.join(Options.__annotations__)}"
        )


@asynccontextmanager
async def open_environment(
    task: Task, settings: Settings, files: Mapping[str, StoredFile], options: Options
) -> AsyncIterator[Workbench]:
    """The sandboxes of a run for these files, once it is seen that its tests can run in them.

    Raises:
        UsageError: the interpreter that was named can't be used, or a test command, a test file or pytest is
            missing.
        SandboxError: no sandbox can be had.
    """
    policy, opener = policy_for(task, settings, files)
    redactor = redactor_for(files, shown_files(task.workspace, settings.show))
    sandbox, watch = options.get("sandbox"), options.get("watch")
    on_output = watch.output if watch is not None else None
    tools = options.get("tools") or ()
    async with Workbench(
        policy, sandbox or opener, redactor=redactor, on_output=on_output, tools=tools
    ) as bench:
        await prepare(bench, task, files)
        yield bench


async def _open_journal(stack: AsyncExitStack, run: str, log: EventLog, options: Options) -> Journal:
    token = await stack.enter_async_context(log.lease(run))
    return Journal(run, log, token=token, watch=options.get("watch") or Unwatched())


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


async def work(
    journal: Journal, model: Model, bench: Workbench, *, team: Team | None = None, stop: Stop | None = None
) -> Run:
    """Advance until the run has delivered and stopped, and put whatever ended it into the log.

    Args:
        team: None is that of the run's strategy, as None is for `stop`.

    Raises:
        CancelledError: it was cancelled; the log says that it was interrupted.
        MachineError: the log can't be written.
    """
    strategy = taken(journal.state.settings)
    try:
        async with AsyncExitStack() as stack:
            known = None
            if journal.state.task.test_command is not None:
                from coder.verify.pending_baseline import pending_baseline

                known = await stack.enter_async_context(pending_baseline(journal, bench))
            await advance(
                journal,
                team=team or strategy.team(),
                stop=stop or strategy.stop(),
                turn=lambda name: Turn(name, journal=journal, model=model, bench=bench, baseline=known),
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
