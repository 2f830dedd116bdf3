"""Entry points: resume a run that stopped, or fork one at a step."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Unpack

from coder.base.errors import UsageError, own_command
from coder.base.text.guards import guards_for
from coder.engine.loop import run_until_stopped
from coder.engine.open_run import log_of, open_environment, open_journal
from coder.engine.options import Options
from coder.engine.teams.strategies import (
    OWN_STOP,
    check_tools,
    choose_strategy,
    named_limits,
    strategy_of,
    with_roles,
    with_stop,
)
from coder.environment.in_place import require_in_place
from coder.run.event_types import RunResumed, Spoken
from coder.run.events import Event
from coder.run.forks import forked, spoken_words, with_hook_notes
from coder.run.journal import Journal
from coder.run.loading import fold_log
from coder.run.model_choice import asked_again, open_models
from coder.run.open_question import answered
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget
from coder.store import new_run_id
from coder.workspace.read import restore


async def resume(
    run: str,
    *,
    answer: Decision | str | None = None,
    budget: Budget | None = None,
    **options: Unpack[Options],
) -> Run:
    """Continue a run that stopped. Answers in the log are used again without a model call.

    Args:
        budget: new limits that count from the start of the run; None keeps the old limits.
        answer: the answer to the question that the run waits with; None asks the watch.

    Raises:
        UsageError: no such run, no open question, an unknown strategy, or a team from Python that is missing.
        LeaseHeld: another process works on the run.
        LogDamaged, LogNewer, MachineError: the log can't be used.
        SandboxError: no sandbox can be opened.
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
        if state.flow is not None:
            raise UsageError(f"{run} is a flow: coder.flows.resume_flow continues it.")
        if answer is not None:
            await journal.append(answered(state, answer))
        return await _go_on(stack, journal, (), budget, options)


async def fork(
    run: str, *, step: int, say: str = "", budget: Budget | None = None, **options: Unpack[Options]
) -> Run:
    """Continue from a step of a run in a new run, with another message, another model or other limits.

    The new run begins with the task, the dialogue and the changes of `run` at that step, and opens a new
    session. It repeats none of the earlier model calls, and they don't count. `run` stays unchanged.

    Args:
        run: the id of a run whose model calls tools.
        step: the number of an answered tool call, from 1, as `coder show` prints it.
        say: a message of the user that the new run begins with.
        budget: None takes the limits of `run`, counted from zero.
        options: the options that differ from those of `run`.

    Raises:
        UsageError: no such run or step, or the options name a strategy without tools.
        LeaseHeld: a process works on `run`.
        LogDamaged, LogNewer, MachineError: the log can't be used.
        SandboxError: no sandbox can be opened.
        Refused: a guard refused `say`.
    """
    say = guards_for(options.get("guards")).check(say, "prompt")
    async with AsyncExitStack() as stack:
        log = options["log"] = log_of(stack, options)
        events = forked(await log.read(run), new_run_id(), step=step)
        async with log.lease(run):  # no other process may change `run` meanwhile
            journal = await open_journal(stack, events[0].run, log, options)
        state = fold_log(journal.run, events)
        journal.continue_from(state)
        if (parent := events[0].body.get("parent")) is not None and options.get("settings") is None:
            origin = fold_all(await log.read(parent["run"])).settings  # an attempt itself lands nowhere
            landing_settings = {
                name: getattr(origin, name) for name in ("apply", "commit", "branch", "approve")
            }
            options["settings"] = state.settings.model_copy(update=landing_settings)
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
    """Continue from the journal's state.

    `words` are messages of the user; `copied` events are logged first.
    """
    state, earlier_settings = journal.state, journal.state.settings
    settings = options.get("settings") or earlier_settings
    if settings.strategy is None:
        strategy_settings = {
            "strategy": earlier_settings.strategy,
            "team": earlier_settings.team,
            "stop": earlier_settings.stop,
        }
        settings = settings.model_copy(update=strategy_settings)
    team = options.get("team")
    if team is None and settings.strategy is None and isinstance(earlier_settings.team, str):
        raise UsageError(
            f"The team of this run, {earlier_settings.team}, was given from Python, and the log only holds "
            "its name. Give it again: coder.resume(run, team=…). Or continue by a strategy of ours: "
            "--strategy NAME"
        )
    if team is None and settings.strategy is not None:
        is_same_strategy = settings.strategy == earlier_settings.strategy
        settings = settings.model_copy(
            update={"team": None, "stop": earlier_settings.stop if is_same_strategy else None}
        )
    if settings.stop == OWN_STOP and options.get("stop") is None:
        raise UsageError(
            "The stop of this run was given from Python. Give it again: coder.resume(run, stop=…)"
        )
    context = ""
    if settings.hooks:
        from coder.engine.session_hooks import open_hooks  # imported late: few runs have hooks

        session_hooks = open_hooks(stack, settings.hooks, state.run, options, is_resumed=True)
        if copied and words:  # a new message of the user's, which a hook may block
            words = with_hook_notes(words, await session_hooks.submit(words[-1].message.text, state.root))
        else:
            context = await session_hooks.start(state.root)
    settings = with_roles(settings, team)
    if team is not None:
        from coder.engine.teams.team_settings import with_team  # imported late: few runs have a team

        settings = with_team(settings, team, acts=bool(state.dialogue.callers))
    settings = with_stop(settings, options.get("stop"))
    if copied and not settings.may_act:
        raise UsageError(f"A fork continues a dialogue; --strategy {settings.strategy} has none: use act.")
    if settings.in_place and options.get("sandbox") is None:
        settings = require_in_place(state.task, settings)
    restored = restore(state)
    environment = open_environment(state.task, settings, restored.files, options, target=restored.target)
    workbench = await stack.enter_async_context(environment)
    if (model := options.get("model")) is None:
        model_settings = asked_again(state)
        if team is not None:
            model_settings = model_settings.model_copy(update={"roles": settings.roles})
        model = await stack.enter_async_context(open_models(model_settings, state.settings))
    if team is None:
        if settings.strategy != earlier_settings.strategy:
            limits = budget or named_limits(earlier_settings, state.spend.budget)
            limited_settings = settings.model_copy(update={"budget": limits})
            settings = await choose_strategy(limited_settings, state.task, model, workbench)
            budget = settings.budget
        elif budget is not None:
            budget = strategy_of(settings).limit(budget)
    check_tools(settings, workbench)
    new_settings = settings if settings != earlier_settings else None
    limits = budget or state.spend.budget
    resumed = RunResumed(
        budget=limits,
        model=model.name,
        settings=new_settings,
        sandbox=workbench.opened,
        context=workbench.redactor.redact(context),
    )
    events = (
        (*restored.happened, *words) if copied else (*words, *restored.happened)
    )  # a fork's messages come last
    await journal.append(resumed, *events, copied=copied)
    journal.hold(restored.files)
    return await run_until_stopped(journal, model, workbench, options)
