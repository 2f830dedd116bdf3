"""`coder resume`: go on with a run that stopped, under the same limits or raised ones."""

import os
from pathlib import Path
from typing import Annotated

import typer

from coder.cli import options
from coder.cli.answerer import Answerer, opened
from coder.cli.interrupt import run_until_interrupted
from coder.cli.options import given_flags
from coder.cli.result import ended
from coder.cli.screen import Screen
from coder.cli.show import RunId
from coder.config import Config, checked, flag, load
from coder.configfile import user_file
from coder.doors import asked_again
from coder.doors import resume as resume_run
from coder.errors import LogNewer
from coder.run import Run
from coder.settings import Budget
from coder.state import State, fold_all
from coder.store import SqliteLog, data_folder


def resume(
    context: typer.Context,
    run: RunId,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    fallback: options.Fallback = None,
    planner_model: options.PlannerModel = None,
    coder_model: options.CoderModel = None,
    cheap_model: options.CheapModel = None,
    price: options.Price = None,
    record: options.Record = None,
    replay: options.Replay = None,
    samples: options.Samples = None,
    repairs: options.Repairs = None,
    max_calls: options.MaxCalls = None,
    max_tokens: options.MaxTokens = None,
    max_cost: options.MaxCost = None,
    max_call_cost: options.MaxCallCost = None,
    timeout: options.Timeout = None,
    apply: Annotated[
        bool | None,
        typer.Option("--apply/--no-apply", help="Write what solves it into the folder, or only show it."),
    ] = None,
    commit: options.Commit = False,
    branch: options.Branch = None,
    yes: options.Yes = False,
    json: options.Json = False,
    jsonl: options.Jsonl = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Go on with a run that stopped. No finished model call is made again.

    The limits of the run stay as they were; a flag that is given replaces one.
    """
    screen = Screen(verbose=verbose, quiet=quiet, yes=yes, jsonl=jsonl)

    def start() -> Run:
        config = checked(given_flags(context), flag)
        delivery = _delivery(apply, commit=commit, branch=branch)
        work = _resume(run, config=config, price=price, replay=replay, screen=screen, delivery=delivery)
        return run_until_interrupted(screen.spinning(work), run_id=lambda: screen.run_id)

    raise typer.Exit(ended(start, screen, as_json=json, jsonl=jsonl))


async def _resume(
    prefix: str,
    *,
    config: Config,
    price: str | None,
    replay: Path | None,
    screen: Screen,
    delivery: dict[str, object],
) -> Run:
    with SqliteLog(data_folder(os.environ)) as log:
        run = await log.resolve(prefix)
        state = await _state(log, run)
        screen.watch_model(state.model, has_folder=state.task.workspace is not None)
        changed = config.answering(replay)
        same = not changed
        changed |= delivery
        answerer = Answerer(
            asked=asked_again(state) if same else config.asked(),
            record=config.record,
            replay=state.settings.replay if same else replay,
            price=price,
            shows_pictures=bool(state.task.pictures),
            must_know_price=_must_know_price(config, state),
            book=load({}, environ=os.environ, user_file=user_file(), workspace=None).book,
        )
        async with opened(answerer, screen.note) as model:
            return await resume_run(
                run,
                log=log,
                model=model,
                budget=config.budget(state.budget),
                settings=state.settings.model_copy(update=changed) if changed else None,
                watch=screen,
            )


def _delivery(apply: bool | None, *, commit: bool, branch: str | None) -> dict[str, object]:
    """Where the result is to go from here on; empty where nothing of it was said."""
    if branch is not None:
        return {"branch": branch}
    if commit:
        return {"apply": True, "commit": True, "branch": None}
    return {} if apply is None else {"apply": apply, "branch": None}


def _must_know_price(config: Config, state: State) -> bool:
    """A limit of cost was set, now or when the run began, and until now each price was known."""
    before, usual = state.budget, Budget()
    was_asked = before.call_usd is not None or before.cost_usd != usual.cost_usd
    return config.max_cost is not None or config.max_call_cost is not None or (was_asked and state.cost_known)


async def _state(log: SqliteLog, run: str) -> State:
    try:
        return fold_all(await log.read(run))
    except ValueError as error:
        raise LogNewer(f"{run} was written by a newer version of coder: {error}. Update coder.") from error
