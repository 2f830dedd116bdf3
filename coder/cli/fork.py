"""`coder fork`: branch off from a step of a run, with other words or another model."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from coder.agent import fork as fork_run
from coder.cli.resume import end, gone_on, state_of
from coder.cli.show_run import RunId
from coder.config.schema import Config
from coder.console.options import GOING_ON, takes
from coder.console.screen import Screen
from coder.run.journal import forked
from coder.run.reducer import fold_all
from coder.run.run import Run, standing
from coder.store import SqliteLog, data_folder


@takes(*GOING_ON)
def fork(
    context: typer.Context,
    run: RunId,
    step: Annotated[
        int, typer.Option("--step", metavar="N", help="Go on behind this tool call: its number in `show`.")
    ],
    say: Annotated[str, typer.Option("--say", metavar="TEXT", help="Tell the model this.")] = "",
) -> None:
    """Branch off from a step of a run into a new run, with other words or another model.

    The model has acted up to there as in RUN, which stays as it is. Settings and limits are those of RUN; a
    flag that is given replaces one. Only what the new run spends counts.
    """
    end(context, partial(_fork, run, step, say))


async def _fork(
    prefix: str, step: int, say: str, *, config: Config, given: Mapping[str, Any], screen: Screen
) -> Run:
    with SqliteLog(data_folder(os.environ)) as log:
        run = await log.resolve(prefix)
        before = await state_of(log, run)
        state = fold_all(forked(await log.read(run), run, step=step))
        if standing(before) and state.settings.lands:
            screen.note(f"what {run} wrote stands in your folder; coder undo {run} takes it back")
        go_on = partial(fork_run, run, step=step, say=say, log=log)
        return await gone_on(state, go_on, config=config, given=given, screen=screen)
