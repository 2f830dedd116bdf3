"""`coder export`: the patch of a run, for `git apply` and `patch -p1`."""

import asyncio

import typer

from coder.cli.show_run import RunId, events_of
from coder.requests import patch_of
from coder.run.reducer import fold_all


def export(run: RunId) -> None:
    """Print the patch of a run: what it has written, or what it would write."""
    typer.echo(patch_of(fold_all(asyncio.run(events_of(run)))), nl=False)
