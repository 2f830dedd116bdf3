"""`coder stop`: end a run that another process works on."""

import typer

from coder.base.errors import own_command
from coder.base.text.ascii_json import ascii_json
from coder.engine.requests import stop as stop_run
from coder.people.cli.show_run import RunId
from coder.run.questions import this_person
from coder.run.run import Run
from coder.show.flags import Json
from coder.show.interrupt import run_until_interrupted
from coder.store import open_log


def stop(run: RunId, json: Json = False) -> None:
    """End a run, also one of another process; coder resume continues it from there."""
    result = run_until_interrupted(_stop(run))
    if json:
        typer.echo(ascii_json(result, indent=2))
    else:
        typer.echo(f"Stopped. Go on with: {own_command()} resume {result.run_id}", err=True)


async def _stop(prefix: str) -> Run:
    with open_log() as log:
        return await stop_run(await log.resolve(prefix), this_person(), log=log)
