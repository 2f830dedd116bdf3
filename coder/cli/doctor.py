"""`coder doctor`: a line for each thing that `coder solve` needs."""

import json as json_format
import os

import typer

from coder.config.diagnosis import Diagnosis, can_solve, examine
from coder.config.layers import load, user_file
from coder.config.schema import Config
from coder.console.interrupt import run_until_interrupted
from coder.console.options import Json
from coder.errors import UsageError
from coder.models.catalog import UserModels
from coder.text.sanitize import one_line

NOT_READY = 5


def doctor(json: Json = False) -> None:
    """Say what works on this machine, and what to do about the rest.

    Exit code 0 says that `coder solve` can work; 5 that it can't.
    """
    config, book, configured = _configuration()
    found = examine(
        sandbox=config.sandbox,
        python=config.python,
        asked=config.asked(),
        book=book,
        max_cost=config.max_cost,
    )
    findings = [configured, *run_until_interrupted(found)]
    ready = can_solve(findings)
    if json:
        rows = [finding.model_dump() for finding in findings]
        typer.echo(json_format.dumps({"ready": ready, "findings": rows}, indent=2))
        raise typer.Exit(0 if ready else NOT_READY)
    typer.echo("✓ coder solve can work" if ready else "✗ coder solve can't work yet")
    for finding in findings:
        sign = "✓" if finding.works else "✗" if finding.needed else "·"
        typer.echo(f"  {sign} {finding.name:<20}  {one_line(finding.text, width=200)}")
    raise typer.Exit(0 if ready else NOT_READY)


def _configuration() -> tuple[Config, UserModels | None, Diagnosis]:
    """What the user's file and variables say; the defaults where they can't be used."""
    file = user_file()
    try:
        loaded = load({}, environ=os.environ, user_file=file, workspace=None)
    except UsageError as error:
        return Config(), None, Diagnosis(name="configuration", works=False, needed=True, text=str(error))
    text = str(file) if file.exists() else f"none in {file}"
    return loaded.config, loaded.book, Diagnosis(name="configuration", works=True, needed=True, text=text)
