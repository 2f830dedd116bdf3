"""`coder resume`: continue a run that stopped, with the same limits or raised ones."""

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from coder.agent import resume as resume_run
from coder.cli.show_run import RunId
from coder.cli.solve_run import ended, tools_named
from coder.config.layers import load, user_file
from coder.config.schema import Config, answering_fields, checked, flag
from coder.console.answerer import Answerer, opened
from coder.console.backend import see_backend
from coder.console.interrupt import run_until_interrupted
from coder.console.options import GOING_ON, given_flags, takes
from coder.console.screen import Screen
from coder.errors import LogNewer, UsageError
from coder.models.roles import Asked
from coder.run.model_choice import asked_again
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.state import State
from coder.store import SqliteLog, data_folder
from coder.teams.strategies import named_limits


@takes(*GOING_ON)
def resume(
    context: typer.Context,
    run: RunId,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="TEXT", help="Answer the question it waits with."),
    ] = None,
) -> None:
    """Continue a run that stopped. No answered model call is repeated.

    The settings and limits of the run stay as they were; a flag that is given replaces one.
    """
    end(context, partial(_resume, run))


def end(context: typer.Context, go_on: Callable[..., Coroutine[Any, Any, Run]]) -> NoReturn:
    """Continue a run under the flags of this call, print the result, exit.

    Args:
        go_on: takes the flags that were named, the values of all, and the screen.
    """
    given = context.params
    screen = Screen(verbose=given["verbose"], quiet=given["quiet"], yes=given["yes"], jsonl=given["jsonl"])

    def start() -> Run:
        flags = given_flags(context)
        config = checked(flags, flag)
        if config.sandbox is not None:
            see_backend(config.sandbox, flags)
        work = go_on(config=config, given=given, screen=screen)
        return run_until_interrupted(screen.spinning(work), run_id=lambda: screen.run_id)

    raise typer.Exit(ended(start, screen, as_json=given["json"], jsonl=given["jsonl"]))


async def _resume(prefix: str, *, config: Config, given: Mapping[str, Any], screen: Screen) -> Run:
    with SqliteLog(data_folder(os.environ)) as log:
        run = await log.resolve(prefix)
        state = await state_of(log, run)
        _see_that_it_stands(state, allow=given["allow"])
        go_on = partial(resume_run, run, answer=given["answer"], log=log)
        return await gone_on(state, go_on, config=config, given=given, screen=screen)


async def gone_on(
    state: State,
    go_on: Callable[..., Awaitable[Run]],
    *,
    config: Config,
    given: Mapping[str, Any],
    screen: Screen,
) -> Run:
    """Go on from a state with its settings, limits and model, but for what was named.

    Args:
        go_on: takes a budget and the options of `resume`.
        config: the flags that were named.
        given: the values of all flags.
    """
    screen.watch_model(state.model, has_folder=state.task.workspace is not None)
    screen.watch_settings(state.settings)
    settings = changed_settings(config, state, given, replay=given["replay"])
    same = config.asked() == Asked() and given["replay"] is None
    price = given["price"] if given["price"] is not None or not same else state.settings.price
    answerer = Answerer(
        asked=asked_now(config, state),
        record=config.record,
        replay=state.settings.replay if same else given["replay"],
        price=price,
        shows_pictures=bool(state.task.pictures),
        effort=(settings or state.settings).effort,
        silence_s=(settings or state.settings).model_timeout_s,
        must_know_price=_must_know_price(config, state),
        book=load({}, environ=os.environ, user_file=user_file(), workspace=None).book,
    )
    async with opened(answerer, screen.note) as model:
        return await go_on(
            model=model,
            budget=config.budget(named_limits(state.settings, state.budget)),
            settings=settings,
            tools=tools_named(given["tool"]),
            watch=screen,
        )


def _see_that_it_stands(state: State, *, allow: Sequence[str]) -> None:
    """Refuse to continue a run that was solved and undone: it would claim that it has written.

    Nor has one that has landed, where only its edits of given tests are to land, too.
    """
    is_solved = state.stopped is not None and state.stopped.status == "solved"
    has_landed = is_solved and not state.settings.chat and bool(state.landed)
    if has_landed and allow and state.codes[-1].test_edits:
        raise UsageError(
            f"{state.run} was solved and has written its files: --allow comes too late.\n"
            f"What it made of given tests is `test_patch` of: coder resume {state.run} --json"
        )
    if has_landed and {*state.landed} <= {*state.undone}:
        raise UsageError(
            f"{state.run} was solved, and coder undo took back what it wrote: nothing is left to do.\n"
            f"Its patch writes it again: coder export {state.run} | git apply"
        )


def _must_know_price(config: Config, state: State) -> bool:
    """A limit of cost was set, now or when the run began, and until now each price was known."""
    named = named_limits(state.settings, state.budget).model_fields_set
    was_asked = not named.isdisjoint(("call_usd", "cost_usd"))
    return config.max_cost is not None or config.max_call_cost is not None or (was_asked and state.cost_known)


async def state_of(log: SqliteLog, run: str) -> State:
    """The state at the end of a run.

    Raises:
        LogNewer: a newer version wrote it.
        LogDamaged: it can't be read.
    """
    try:
        return fold_all(await log.read(run))
    except ValueError as error:
        raise LogNewer(f"{run} was written by a newer version of coder: {error}. Update coder.") from error


def asked_now(config: Config, state: State) -> Asked:
    """The models from here on: the run's own, except those that flags name.

    Another model, or another endpoint, is another cast: the run's own roles and fallbacks don't go with it.
    """
    named, before = config.asked(), asked_again(state)
    if named.model is not None or named.base_url is not None:
        return named
    return Asked(
        model=before.model,
        base_url=before.base_url,
        fallbacks=named.fallbacks if config.fallback is not None else before.fallbacks,
        roles=before.roles | named.roles,
    )


def changed_settings(
    config: Config, state: State, given: Mapping[str, Any], *, replay: Path | None
) -> Settings | None:
    """The run's settings with what was said now; None where nothing of them was.

    Args:
        given: the values of all flags.
    """
    named = config.asked() != Asked() or replay is not None
    changed = answering_fields(asked_now(config, state), replay) if named else {}
    if named or given["price"] is not None:
        changed["price"] = given["price"]  # of another model it isn't known
    changed |= config.changes() | _landing(given, state.settings)
    if config.strong_model is not None and config.strategy is None:
        changed["strategy"] = "auto"
    return state.settings.model_copy(update=changed) if changed else None


def _landing(given: Mapping[str, Any], before: Settings) -> dict[str, Any]:
    """Where the result is to go from here on; empty where nothing of it was said."""
    changed: dict[str, Any] = {name: True for name in ("keep", "accept_unverified") if given[name]}
    if given["allow"]:
        changed["allow"] = tuple(dict.fromkeys((*before.allow, *given["allow"])))
    if given["branch"] is not None:
        return changed | {"branch": given["branch"]}
    if given["commit"]:
        return changed | {"apply": True, "commit": True, "branch": None}
    return changed if given["apply"] is None else changed | {"apply": given["apply"], "branch": None}
