"""`coder undo`: revert the files that a run wrote, and keep later edits of other lines."""

import typer

from coder.base.text.ascii_json import ascii_json
from coder.base.text.sanitize import one_line
from coder.people.cli.show_run import RunHere, resolve_run
from coder.run.event_types import FileUndone
from coder.run.reducer import fold_all
from coder.show.flags import Json, Yes
from coder.show.interrupt import run_until_interrupted
from coder.show.render import progress
from coder.store import open_log
from coder.workspace.take_back import take_back_commit
from coder.workspace.take_back import undo as undo_run

EXIT_LEFT = 1


def undo(run: RunHere = "", json: Json = False, yes: Yes = False) -> None:
    """Revert the files that a run wrote, and keep later edits of other lines.

    Exit code 1: a file was left as it is, and its line says why. Nothing is asked: -y is accepted, and has
    no effect.
    """
    run_id, files, commit = run_until_interrupted(_undo(run))
    if json:
        typer.echo(f"[{', '.join(map(ascii_json, files))}]")
    for file in files:
        typer.echo(progress(file), err=True)
    if commit is not None:
        typer.echo(f"  · {one_line(commit, width=200)}", err=True)
    if not files:
        typer.echo(f"Nothing was left to undo: what {run_id} has written was taken back before.", err=True)
    raise typer.Exit(EXIT_LEFT if any(file.left for file in files) else 0)


async def _undo(prefix: str) -> tuple[str, list[FileUndone], str | None]:
    """Return the run's id, the restored files, and a message on the run's commit."""
    with open_log() as log:
        run = await resolve_run(log, prefix)
        files = await undo_run(run, log=log)
        return run, files, await take_back_commit(fold_all(await log.read(run)), files)
