"""Entry points: solve a task, resume a run that stopped, or fork one at a step."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Unpack

from coder.base.errors import UsageError, own_command
from coder.engine.open_run import log_of, open_environment, open_journal, work
from coder.engine.options import Options
from coder.engine.teams.strategies import check_tools, choose_strategy, named_limits, strategy_of
from coder.engine.teams.team_settings import OWN_STOP, with_roles, with_stop, with_team
from coder.run.event_types import RunResumed, Spoken
from coder.run.events import Event
from coder.run.find_target import find_target
from coder.run.journal import Journal, answered, forked, spoken_words
from coder.run.model_choice import asked_again, asked_of, logged_models, open_models
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import note_of
from coder.store import new_run_id
from coder.workspace.deliver import require_committable
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
        log = options["log"] = log_of(stack, options)
        require_committable(task, settings)
        read = read_workspace(task, lands=settings.lands)
        target = find_target(task, read.files)
        environment = open_environment(task, settings, read.files, options, target=target)
        bench = await stack.enter_async_context(environment)
        settings = with_roles(settings, options.get("team"))
        if (model := options.get("model")) is None:
            note = note_of(options.get("watch"))
            opening = open_models(asked_of(settings), settings, note=note, shows_pictures=bool(task.pictures))
            model = await stack.enter_async_context(opening)
        settings = settings.model_copy(update=logged_models(asked_of(settings)))
        team, stop = options.get("team"), options.get("stop")
        settings = await choose_strategy(settings, task, model, bench, team=team, stop=stop)
        journal = await open_journal(stack, options.get("run_id") or new_run_id(), log, options)
        begun = started(read, task, settings, model=model.name, target=target, sandbox=bench.opened)
        await journal.append(begun)
        journal.hold(read.files)
        return await work(journal, model, bench, options)


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
        log = options["log"] = log_of(stack, options)
        journal = await open_journal(stack, run, log, options)
        state = await journal.load()
        if (parent := state.progress.parent) is not None:
            raise UsageError(
                f"{run} is attempt {parent.attempt} of {parent.run}. Go on with that: "
                f"{own_command()} resume {parent.run}"
            )
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
        log = options["log"] = log_of(stack, options)
        events = forked(await log.read(run), new_run_id(), step=step)
        async with log.lease(run):  # no other process works on it
            journal = await open_journal(stack, events[0].run, log, options)
        state = journal.begun(events)
        if (parent := events[0].body.get("parent")) is not None and options.get("settings") is None:
            origin = fold_all(await log.read(parent["run"])).settings  # an attempt itself lands nowhere
            lands = {name: getattr(origin, name) for name in ("apply", "commit", "branch", "approve")}
            options["settings"] = state.settings.model_copy(update=lands)
        return await _go_on(stack, journal, spoken_words(state, say), budget, options, copied=events)


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
    if team is None and settings.strategy is not None:
        is_same = settings.strategy == before.strategy
        settings = settings.model_copy(update={"team": None, "stop": before.stop if is_same else None})
    if settings.stop == OWN_STOP and options.get("stop") is None:
        raise UsageError(
            "The stop of this run was given from Python. Give it again: coder.resume(run, stop=…)"
        )
    settings = with_roles(settings, team)
    if team is not None:
        settings = with_team(settings, team, options.get("stop"), acts=bool(state.dialogue.callers))
    else:
        settings = with_stop(settings, options.get("stop"))
    if copied and not settings.may_act:
        raise UsageError(f"A fork continues a dialogue; --strategy {settings.strategy} has none: use act.")
    restored = restore(state)
    environment = open_environment(state.task, settings, restored.files, options, target=restored.target)
    bench = await stack.enter_async_context(environment)
    if (model := options.get("model")) is None:
        choice = asked_again(state)
        if team is not None:
            choice = choice.model_copy(update={"roles": settings.roles})
        model = await stack.enter_async_context(open_models(choice, state.settings))
    if team is None:
        if settings.strategy != before.strategy:
            limits = budget or named_limits(before, state.spend.budget)
            wanted = settings.model_copy(update={"budget": limits})
            settings = await choose_strategy(wanted, state.task, model, bench)
            budget = settings.budget
        elif budget is not None:
            budget = strategy_of(settings).limit(budget)
    check_tools(settings, bench)
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
