"""`coder doctor`: a line for each thing that `coder solve` needs."""

import asyncio
import json as json_format

import typer

from coder.cli.options import Json
from coder.cli.plain import one_line
from coder.doctor import can_solve, examine

NOT_READY = 5


def doctor(json: Json = False) -> None:
    """Say what works on this machine, and what to do about the rest.

    Exit code 0 says that `coder solve` can work; 5 that it can't.
    """
    findings = asyncio.run(examine())
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
