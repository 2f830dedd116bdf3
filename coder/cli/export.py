"""`coder export`: the patch of a run, for `git apply` and `patch -p1`."""

import asyncio

import typer

from coder.cli.show_run import RunId, events_of
from coder.errors import UsageError
from coder.run.attempts import best_code
from coder.run.reducer import fold_all
from coder.run.state import State
from coder.workspace.proposal import proposal


def export(run: RunId) -> None:
    """Print the patch of a run: what it has written, or what it would write."""
    typer.echo(_patch(fold_all(asyncio.run(events_of(run)))), nl=False)


def _patch(state: State) -> str:
    shown = state.landing or state.proposed
    if shown is not None:
        return shown.patch
    if best_code(state) is None:
        raise UsageError(f"{state.run} has made no files yet. See it with: coder show {state.run}")
    try:
        return proposal(state)[0]
    except LookupError as error:
        raise UsageError(
            f"{state.run} was not solved, and what it read of a folder so large was not kept. "
            f"See its answers with: coder show {state.run}"
        ) from error
