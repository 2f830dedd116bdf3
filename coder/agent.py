"""Entry points: solve a task, resume a run that stopped, or fork one at a step."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Unpack

from coder.environment.run_policy import policy_for, redactor_for
from coder.environment.workbench import Workbench
from coder.errors import UsageError
from coder.loop import Deliver, run_until_stopped
from coder.models.model import Model
from coder.options import Options, see_known
from coder.run.event_types import RunOrigin, RunResumed, Spoken
from coder.run.events import Event
from coder.run.journal import Journal, answered, forked, told
from coder.run.model_choice import asked_again, asked_of, open_models
from coder.run.questions import Decision
from coder.run.run import Run, summarize
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.run.watch import Permitting, Unwatched, note_of
from coder.store import EventLog, new_run_id, open_log
from coder.teams.strategies import (
    OWN_STOP,
    attempts,
    named_limits,
    see_tools,
    settled_here,
    taken,
    team_and_stop,
    with_roles,
    with_team,
)
from coder.verify.preflight import prepare
from coder.workspace.deliver import deliver, see_committable
from coder.workspace.overlay import shown_files
from coder.workspace.read import read_workspace, restore, started


async def solve(task: Task, **options: Unpack[Options]) -> Run:
    """Write code for a task, run it in a sandbox, repair it, and stop when its tests pass or a limit says so.

    Raises:
        UsageError: the task can't be worked on as it is; nothing was called.
        SandboxError: no sandbox can be opened here; no call was made, unless one like it was open before.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    settings = options.get("settings") or Settings()
    if task.workspace is not None:  # a resume may happen in another folder
        task = task.model_copy(update={"workspace": task.workspace.absolute()})
    async with AsyncExitStack() as stack:
        log = _log_of(stack, options)
        see_committable(task, settings)
        read = read_workspace(task, lands=settings.lands)
        bench = await stack.enter_async_context(open_environment(task, settings, read.files, options))
        settings = with_roles(settings, options.get("team"))
        if (model := options.get("model")) is None:
            note = note_of(options.get("watch"))
            opening = open_models(asked_of(settings), settings, note=note, shows_pictures=bool(task.pictures))
            model = await stack.enter_async_context(opening)
        settings = settings.model_copy(update=asked_of(settings).for_log().model_dump())
        team, stop = options.get("team"), options.get("stop")
        settings = await settled_here(settings, task, model, bench, team=team, stop=stop)

        async def attempt(run: str, own: Settings, land: Deliver, *origin: RunOrigin) -> State:
            async with AsyncExitStack() as its:
                environment = open_environment(task, own, read.files, options)
                here = await its.enter_async_context(environment) if origin else bench
                journal = await _open_journal(its, run, log, options)
                begun = started(read, task, own, model=model.name, sandbox=here.opened)
                await journal.append(begun, *origin)
                journal.hold(read.files)
                await work(journal, model, here, options, land)
                return journal.state

        first = options.get("run_id") or new_run_id()
        if settings.team is None and attempts(settings) > 1:
            from coder.teams.side_by_side import side_by_side

            return await side_by_side(settings, attempt, first=first, priced=model.price(1, 1) is not None)
        return summarize(await attempt(first, settings, deliver))


async def resume(
    run: str,
    *,
    answer: Decision | str | None = None,
    budget: Budget | None = None,
    **options: Unpack[Options],
) -> Run:
    """Continue a run that stopped. No model call that has an answer is made again.

    Args:
        budget: new limits, in all and not on top; None keeps the old ones.
        answer: to the question that the run waits with; without it, whoever watches is asked.

    Raises:
        UsageError: no such run, no question, a team from Python that isn't given again, or no such strategy.
        LeaseHeld: another process works on it.
        LogDamaged, LogNewer, MachineError, SandboxError: the log can't be used, or no sandbox be opened.
    """
    async with AsyncExitStack() as stack:
        journal = await _open_journal(stack, run, _log_of(stack, options), options)
        state = await journal.load()
        if answer is not None:
            await journal.append(answered(state, answer))
        return await _go_on(stack, journal, (), budget, options)


async def fork(
    run: str, *, step: int, say: str = "", budget: Budget | None = None, **options: Unpack[Options]
) -> Run:
    """Continue from a step of a run in a new run: with other words, another model or other limits.

    It begins with the task, the dialogue and the changes of `run` at that step, and a new session. No earlier
    model call is made again or counts. `run` stays as it is.

    Args:
        run: the id of a run whose model acts.
        step: an answered tool call, from 1, as `coder show` numbers them.
        budget: None has the limits of `run`, counted anew.
        options: where they differ from those of `run`.

    Raises:
        UsageError: no such run or step, or the options name a strategy that doesn't act.
        LeaseHeld: a process works on that run.
        LogDamaged, LogNewer, MachineError, SandboxError: the log can't be used, or no sandbox be opened.
    """
    async with AsyncExitStack() as stack:
        log = _log_of(stack, options)
        events = forked(await log.read(run), new_run_id(), step=step)
        async with log.lease(run):  # no other process works on it
            journal = await _open_journal(stack, events[0].run, log, options)
        state = journal.begun(events)
        return await _go_on(stack, journal, told(state, say), budget, options, copied=events)


async def _go_on(
    stack: AsyncExitStack,
    journal: Journal,
    words: tuple[Spoken, ...],
    budget: Budget | None,
    options: Options,
    *,
    copied: Sequence[Event] = (),
) -> Run:
    """Continue from the journal's state; `words` are the user's, the log is to begin with `copied`."""
    state, before = journal.state, journal.state.settings
    settings = options.get("settings") or before
    if settings.strategy is None:
        same = {"strategy": before.strategy, "team": before.team, "stop": before.stop}
        settings = settings.model_copy(update=same)
    team = options.get("team")
    if team is None and settings.strategy is None and isinstance(before.team, str):
        raise UsageError(
            f"The team of this run, {before.team}, was given from Python, and the log holds its name alone. "
            "Give it again: coder.resume(run, team=…). Or continue by a strategy of ours: --strategy NAME"
        )
    if team is None and settings.stop == OWN_STOP and options.get("stop") is None:
        raise UsageError(
            "The stop of this run was given from Python. Give it again: coder.resume(run, stop=…)"
        )
    settings = with_roles(settings, team)
    if team is not None:
        settings = with_team(settings, team, options.get("stop"), acts=bool(state.dialogue.callers))
    elif settings.strategy is not None:
        settings = settings.model_copy(update={"team": None, "stop": None})
    elif (stop := options.get("stop")) is not None and settings.team is not None:
        settings = settings.model_copy(update={"stop": stop.text or OWN_STOP})
    if copied and settings.strategy != "act":
        raise UsageError(f"A fork continues a dialogue; --strategy {settings.strategy} has none: use act.")
    restored = restore(state)
    bench = await stack.enter_async_context(open_environment(state.task, settings, restored.files, options))
    if (model := options.get("model")) is None:
        asked = asked_again(state)
        if team is not None:
            asked = asked.model_copy(update={"roles": settings.roles})
        model = await stack.enter_async_context(open_models(asked, state.settings))
    if team is None:
        if settings.strategy != before.strategy:
            limits = budget or named_limits(before, state.spend.budget)
            wanted = settings.model_copy(update={"budget": limits})
            settings = await settled_here(wanted, state.task, model, bench)
            budget = settings.budget
        elif budget is not None:
            budget = taken(settings).limited(budget)
        see_tools(settings, bench)
    changed = settings if settings != before else None
    limits = budget or state.spend.budget
    resumed = RunResumed(budget=limits, model=model.name, settings=changed, sandbox=bench.opened)
    happened = (*restored.happened, *words) if copied else (*words, *restored.happened)  # a fork's are last
    await journal.append(resumed, *happened, copied=copied)
    journal.hold(restored.files)
    return await work(journal, model, bench, options)


def solve_sync(task: Task, **options: Unpack[Options]) -> Run:
    """`solve` for callers without an event loop. Same arguments, same errors."""
    return asyncio.run(solve(task, **options))


@asynccontextmanager
async def open_environment(
    task: Task, settings: Settings, files: Mapping[str, StoredFile], options: Options
) -> AsyncIterator[Workbench]:
    """The sandboxes of a run for these files, once it is seen that its tests can run in them."""
    policy, opener = policy_for(task, settings, files)
    redactor = redactor_for(files, shown_files(task.workspace, settings.show))
    sandbox, watch = options.get("sandbox"), options.get("watch")
    async with AsyncExitStack() as stack:
        needed: Sequence[object] = options.get("tools") or ()
        optional: Sequence[object] = ()
        if not all(map(callable, needed)):
            from coder.tools.mcp_client import serving  # hardly a run has servers

            needed, optional = await stack.enter_async_context(serving(needed, watch))
        bench = Workbench(
            policy,
            sandbox or opener,
            redactor=redactor,
            backend=settings.backend if sandbox is None else None,
            on_output=watch.output if watch is not None else None,
            ask_host=watch.ask_host if isinstance(watch, Permitting) else None,
            waits_for_hosts="network" in settings.approve,
            tools=needed,
            optional_tools=optional,
        )
        await stack.enter_async_context(bench)
        has_team = options.get("team") is not None or settings.team is not None
        await prepare(bench, task, files, early=not has_team)
        yield bench


def _log_of(stack: AsyncExitStack, options: Options) -> EventLog:
    see_known(options)
    return options.get("log") or stack.enter_context(open_log())


async def _open_journal(stack: AsyncExitStack, run: str, log: EventLog, options: Options) -> Journal:
    token = await stack.enter_async_context(log.lease(run))
    return Journal(run, log, token=token, watch=options.get("watch") or Unwatched())


async def work(
    journal: Journal, model: Model, bench: Workbench, options: Options | None = None, land: Deliver = deliver
) -> Run:
    """Advance a run until it has delivered and stopped, by the team and the stop that it has (`loop.py`)."""
    given = options or Options()
    team, stop = team_and_stop(journal.state.settings, given.get("team"), given.get("stop"))
    return await run_until_stopped(journal, model, bench, team=team, stop=stop, land=land)
