"""`coder ls`: the runs in the log, newest first."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from coder.console.flags import Json, option
from coder.console.render import age, money
from coder.console.tables import Column, print_table
from coder.errors import own_command
from coder.requests import ListedRun, list_run
from coder.store import EventLog, RunSummary, open_log
from coder.text.sanitize import one_line

SHOWN = 20
_FOLDER = 16
"""Most characters of a folder."""
_COLUMNS = (
    Column("run", is_whole=True),
    Column("status", width=11, is_whole=True),
    Column("started", width=10, is_number=True, is_whole=True),
    Column("kind", is_whole=True),
    Column("folder", width=_FOLDER),
    Column("task"),
    Column("cost", is_number=True, is_whole=True),
    Column("model"),
    Column("origin"),
)


def ls(
    waiting: Annotated[
        bool, option("--waiting", "Only runs that wait for an answer, with their questions.")
    ] = False,
    limit: Annotated[int, option("--limit -n", "The newest N; 0 is all.", "N", min=0)] = SHOWN,
    json: Json = False,
) -> None:
    """List the runs, newest first."""
    rows = asyncio.run(_listed(limit, waiting=waiting))
    if json:
        typer.echo(f"[{', '.join(row.model_dump_json() for row in rows)}]")
        return
    if not waiting:
        print_table(_COLUMNS, map(_cells, rows))
    for row in rows if waiting else ():
        print_table(_COLUMNS, [_cells(row)])
        typer.echo(f"  ? {one_line(row.question or '', width=120)}  {own_command()} approve {row.run_id}")
    if not rows:
        none = (
            "No run waits for an answer."
            if waiting
            else f'No runs yet. Start one with: {own_command()} solve "…"'
        )
        typer.echo(none, err=True)


async def _listed(limit: int, *, waiting: bool) -> list[ListedRun]:
    with open_log() as log:
        found = await log.runs(limit=None if waiting else limit or None)
        rows = [await _row(log, summary) for summary in found]
    return [row for row in rows if row.question is not None][: limit or None] if waiting else rows


async def _row(log: EventLog, summary: RunSummary) -> ListedRun:
    row = await list_run(log, summary)
    if row.status != "unfinished" or not await log.holder(row.run_id):
        return row
    latest = await list_run(log, summary)  # it may have ended meanwhile
    return latest.model_copy(update={"status": "running"}) if latest.status == "unfinished" else latest


def _short(folder: str | None) -> str:
    """The end of a folder's path, below the user's own where it is there."""
    if folder is None:
        return "-"
    path = Path(folder)
    home = f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
    text = one_line(home, width=1000)
    return text if len(text) <= _FOLDER else f"…{text[-_FOLDER + 1 :]}"


def _cells(row: ListedRun) -> tuple[str, ...]:
    return (
        row.run_id,
        row.status,
        f"{age(row.started)} ago" if row.started else "",
        row.kind,
        _short(row.folder),
        one_line(row.task, width=60),
        money(row.cost),
        one_line(row.model or "", width=28),
        f"({row.origin})" if row.origin else "",
    )
