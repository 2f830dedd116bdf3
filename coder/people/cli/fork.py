"""`coder fork`: branch off from a step of a run, with other words or another model."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from coder.base.errors import own_command
from coder.config.schema import Config
from coder.engine.requests import state_of
from coder.engine.resume import fork as fork_run
from coder.people.cli.resume import go_on, with_state
from coder.people.cli.show_run import RunId
from coder.run.forks import forked
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.show.flags import RESUME_FLAGS, option, takes
from coder.show.screen import Screen
from coder.store import open_log


@takes(RESUME_FLAGS)
def fork(
    context: typer.Context,
    run: RunId,
    step: Annotated[int, option("--step", "Continue after tool call N of `coder show`.", "N")],
    say: Annotated[str, option("--say", "Tell the model this.", "TEXT")] = "",
) -> None:
    """Start a new run from a step of another, with other words or another model.

    Up to that step both runs are the same; RUN itself doesn't change. Settings and limits are those of RUN; a
    flag that is given replaces one. Only what the new run spends counts.
    """
    go_on(context, partial(_fork, run, step, say))


async def _fork(
    prefix: str, step: int, say: str, *, flags: Config, args: Mapping[str, Any], screen: Screen
) -> Run:
    with open_log() as log:
        run = await log.resolve(prefix)
        parent_state = await state_of(log, run)
        state = fold_all(forked(await log.read(run), run, step=step))
        if parent_state.landing.standing and state.settings.lands:
            screen.note(f"what {run} wrote stands in your folder; {own_command()} undo {run} takes it back")
        continue_run = partial(fork_run, run, step=step, say=say, log=log)
        return await with_state(state, continue_run, flags=flags, args=args, screen=screen)
