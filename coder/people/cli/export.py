"""`coder export`: the patch of a run, for `git apply` and `patch -p1`; its trajectory; or its trace."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from coder.base.errors import UsageError
from coder.base.text.sanitize import visible
from coder.engine.requests import patch_of
from coder.people.cli.show_run import RunHere, events_of
from coder.run.reducer import fold_all
from coder.run.run import summarize
from coder.show import render
from coder.show.atif import write_atif
from coder.show.flags import option, takes
from coder.show.interrupt import run_until_interrupted
from coder.show.screen import Screen
from coder.show.styling import print_diff
from coder.show.tables import print_blocks


@takes("otlp otel_content")
def export(
    context: typer.Context,
    run: RunHere = "",
    atif: Annotated[bool, option("--atif", "Print the trajectory as JSON, in ATIF 1.8.")] = False,
) -> None:
    """Print the patch of a run: what it has written, or would write. With --otlp send its trace.

    If the run didn't solve its task, stderr gives the reason.
    """
    if atif and context.params["otlp"] is not None:
        raise UsageError("--atif prints a trajectory and --otlp sends a trace. Give one of them.")
    if atif:
        sys.stdout.write(write_atif(asyncio.run(events_of(run, attempts=True))) + "\n")
    elif context.params["otlp"] is None:
        state = fold_all(asyncio.run(events_of(run)))
        patch = patch_of(state)
        if (warning := render.unsolved(summarize(state))) is not None:
            print_blocks([warning], sys.stderr)
        print_diff(visible(patch) if sys.stdout.isatty() else patch, sys.stdout)
    else:
        run_until_interrupted(_send(run, context.params))


async def _send(run: str, args: Mapping[str, Any]) -> None:
    from coder.people.cli.solve_run import traced_to_collector  # imported late: a patch doesn't need it

    async with traced_to_collector(args, Screen()) as collector:
        assert collector is not None
        await collector.send(run)
