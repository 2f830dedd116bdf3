"""`coder export`: the patch of a run, for `git apply` and `patch -p1`."""

import asyncio
from typing import Annotated

import typer

from coder.cli.show_run import RunId, events_of
from coder.config.schema import Config
from coder.console.interrupt import run_until_interrupted
from coder.console.options import option
from coder.console.screen import Screen
from coder.requests import patch_of
from coder.run.reducer import fold_all
from coder.store import open_log


def export(
    run: RunId,
    otlp: Annotated[
        str | None, option("--otlp", "Send its trace to this OpenTelemetry collector.", "URL")
    ] = None,
    otel_content: Annotated[bool, option("--otel-content", "With prompts, answers and results.")] = False,
) -> None:
    """Print the patch of a run: what it has written, or what it would write. Or send its trace."""
    if otlp is not None:
        run_until_interrupted(_send(run, Config(otlp=otlp, otel_content=otel_content)))
    else:
        typer.echo(patch_of(fold_all(asyncio.run(events_of(run)))), nl=False)


async def _send(prefix: str, config: Config) -> None:
    from coder.cli.solve_run import traced  # not for a patch

    with open_log() as log:
        run = await log.resolve(prefix)
        async with traced(config, log, Screen()) as collector:
            assert collector is not None
            await collector.send(run)
