"""`coder resume`: continue a run that stopped, with its limits or raised ones."""

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NoReturn

import typer

from coder.base.errors import UsageError, own_command
from coder.config.layers import load
from coder.config.schema import Config, checked, flag
from coder.engine.requests import state_of
from coder.engine.resume import resume as resume_run
from coder.engine.teams.strategies import named_limits
from coder.people.cli.run_settings import changed_settings, models_of_resume, must_know_price
from coder.people.cli.show_run import RunHere, resolve_run
from coder.people.cli.solve_run import carry_out, load_tools
from coder.run.model_choice import open_models
from coder.run.run import Run
from coder.run.state import State
from coder.show.flags import RESUME_FLAGS, check_backend, given_flags, option, takes
from coder.show.screen import Screen
from coder.store import open_log


@takes(RESUME_FLAGS)
def resume(
    context: typer.Context,
    run: RunHere = "",
    answer: Annotated[str | None, option("--answer", "Answer the question it waits with.", "TEXT")] = None,
) -> None:
    """Continue a run that stopped. No answered model call is repeated.

    The settings and limits of the run stay as they were; a flag that is given replaces one.
    """
    go_on(context, partial(_resume, run))


def go_on(context: typer.Context, continue_run: Callable[..., Coroutine[Any, Any, Run]]) -> NoReturn:
    """Continue a run under the flags of this call, print the result, and exit."""

    def begin(screen: Screen) -> Coroutine[Any, Any, Run]:
        flags = given_flags(context)
        config = checked(flags, flag)
        if "sandbox" in config.names:
            check_backend(config.options.sandbox, flags)
        return continue_run(flags=config, args=context.params, screen=screen)

    raise typer.Exit(carry_out(context.params, begin))


async def _resume(prefix: str, *, flags: Config, args: Mapping[str, Any], screen: Screen) -> Run:
    with open_log() as log:
        run = await resolve_run(log, prefix)
        state = await state_of(log, run)
        _require_standing(state, allow=args["allow"])
        continue_run = partial(resume_of(state), run, answer=args["answer"], log=log)
        return await with_state(state, continue_run, flags=flags, args=args, screen=screen)


def resume_of(state: State) -> Callable[..., Awaitable[Run]]:
    """Return the function that resumes a run, which may be a flow."""
    if state.flow is None:
        return resume_run
    from coder.flows.drive import resume_flow  # imported late: few runs are flows

    return resume_flow


async def with_state(
    state: State,
    continue_run: Callable[..., Awaitable[Run]],
    *,
    flags: Config,
    args: Mapping[str, Any],
    screen: Screen,
) -> Run:
    """Continue from a state with its settings, limits and model, changed by flags."""
    screen.watch_model(state.model, has_folder=state.task.workspace is not None)
    screen.watch_settings(state.settings)
    settings, loaded = changed_settings(state, flags, args), load(workspace=state.task.workspace)
    is_attended = screen.is_attended and not settings.chat and state.flow is None
    settings = settings.model_copy(update={"is_attended": is_attended})
    for note in loaded.notes:
        screen.note(note)
    opening = partial(
        open_models,
        models_of_resume(flags, state),
        settings,
        note=screen.note,
        book=loaded.book,
        record=args["record"],
        must_know_price=must_know_price(flags, state),
        pictures=state.task.pictures,
    )
    budget = flags.budget(named_limits(state.settings, state.spend.budget))
    tools = load_tools(args, loaded)
    if state.flow is not None:
        if (folder := state.task.workspace) is not None and folder.is_dir():
            os.chdir(folder)  # the user's steps may name files as at the flow's start
        settings = settings.model_copy(update={"budget": budget})
        return await continue_run(open_model=opening, settings=settings, tools=tools, watch=screen)
    async with opening() as model:
        return await continue_run(model=model, budget=budget, settings=settings, tools=tools, watch=screen)


def _require_standing(state: State, *, allow: Sequence[str]) -> None:
    """Raise UsageError for a finished run that was undone, or for an --allow that comes too late."""
    status = state.progress.stopped.status if state.progress.stopped is not None else None
    has_landed = (
        status in ("solved", "unverified") and not state.settings.chat and bool(state.landing.written)
    )
    planned = state.landing.planned
    left_out = planned.held if planned is not None else ()
    if has_landed and allow and state.codes[-1].changes.test_edits and {*allow}.isdisjoint(left_out):
        raise UsageError(
            f"{state.run} was {status} and has written its files: --allow comes too late.\n"
            f"What it made of given tests is `test_patch` of: {own_command()} resume {state.run} --json"
        )
    if has_landed and {*state.landing.written} <= {*state.landing.undone}:
        raise UsageError(
            f"{state.run} was {status}, and "
            f"{own_command()} undo took back what it wrote: nothing is left to do.\n"
            f"Its patch writes it again: {own_command()} export {state.run} | git apply"
        )
