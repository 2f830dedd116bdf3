"""`coder ls`: the runs in the log, newest first."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError, own_command
from coder.base.text.ascii_json import ascii_json
from coder.base.text.sanitize import one_line
from coder.engine.requests import ListedRun, list_run
from coder.show.flags import Json, option
from coder.show.render import age, money
from coder.show.tables import Column, TextTable, print_blocks
from coder.store import EventLog, RunSummary, open_log

DEFAULT_LIMIT = 20
_FOLDER_CHARACTERS = 16
"""Longest folder in characters."""
_COLUMNS = (
    Column("run", is_whole=True),
    Column("status", width=11, is_whole=True, rank=1),
    Column("started", width=10, is_number=True, is_whole=True, rank=2),
    Column("kind", is_whole=True, rank=5),
    Column("folder", width=_FOLDER_CHARACTERS, min_width=10, rank=3),
    Column("task", min_width=20),
    Column("cost", is_number=True, is_whole=True, rank=4),
    Column("model", rank=6),
    Column("origin", rank=7),
)
_MATCH = Column("match", min_width=20)
_WAITING_COLUMNS = tuple(column for column in _COLUMNS if column.name in ("run", "started", "folder"))


def ls(
    waiting: Annotated[
        bool, option("--waiting", "Only runs that wait for an answer, with their questions.")
    ] = False,
    search: Annotated[
        str | None, option("--search", "Only runs that contain all these words, the best first.", "WORDS")
    ] = None,
    limit: Annotated[int, option("--limit -n", "The newest N; 0 is all.", "N", min=0)] = DEFAULT_LIMIT,
    json: Json = False,
) -> None:
    """List the runs, newest first."""
    if waiting and search is not None:
        raise UsageError("--waiting and --search exclude each other.")
    rows = asyncio.run(
        _read_rows(limit, waiting=waiting) if search is None else _found_rows(search, limit or None)
    )
    if json:
        typer.echo(f"[{', '.join(map(ascii_json, rows))}]")
        return
    columns = (*_COLUMNS, _MATCH) if search is not None else _COLUMNS
    print_blocks([_waiting_table(rows) if waiting else TextTable(columns, [_cells(row) for row in rows])])
    if not rows:
        hint = f'No runs yet. Start one with: {own_command()} solve "…"'
        if search is not None:
            hint = f"No run contains all of these words: {one_line(search, width=60)}"
        typer.echo("No run waits for an answer." if waiting else hint, err=True)


async def _read_rows(limit: int, *, waiting: bool) -> list[ListedRun]:
    with open_log() as log:
        summaries = await log.runs(limit=None if waiting else limit or None)
        rows = [await _row(log, summary) for summary in summaries]
    return [row for row in rows if row.question is not None][: limit or None] if waiting else rows


async def _found_rows(words: str, limit: int | None) -> list[ListedRun]:
    """Return the runs that contain these words, each with the words around a match."""
    from coder.show.run_search import search_runs  # imported late, as most calls search nothing

    with open_log() as log:
        matches = await search_runs(log, words, limit=limit)
        return [
            (await _row(log, summary)).model_copy(update={"match": one_line(excerpt, width=120)})
            for summary, excerpt in matches
        ]


async def _row(log: EventLog, summary: RunSummary) -> ListedRun:
    row = await list_run(log, summary)
    if row.status != "unfinished" or not await log.holder(row.run_id):
        return row
    latest = await list_run(log, summary)  # it may have ended meanwhile
    return latest.model_copy(update={"status": "running"}) if latest.status == "unfinished" else latest


def _waiting_table(rows: list[ListedRun]) -> TextTable:
    """Return a table of runs with their questions; in a pipe each question is printed below its run."""
    cells, lines = [], []
    for row in rows:
        question, answer = one_line(row.question or "", width=120), f"{own_command()} approve"
        cells.append((row.run_id, ago(row), _short(row.folder), question))
        lines += [*TextTable(_COLUMNS, [_cells(row)]).lines, f"  ? {question}  {answer} {row.run_id}"]
    columns = (
        *_WAITING_COLUMNS,
        Column(f"question: answer with {own_command()} approve RUN", wraps=True, min_width=20),
    )
    return TextTable(columns, cells, plain=lines)


def _short(folder: str | None) -> str:
    """Return the end of a folder's path, relative to the user's home if it is inside."""
    if folder is None:
        return "-"
    path = Path(folder)
    home = f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
    text = one_line(home, width=1000)
    return text if len(text) <= _FOLDER_CHARACTERS else f"…{text[-_FOLDER_CHARACTERS + 1 :]}"


def ago(row: ListedRun) -> str:
    """Return how long ago a run began; empty if it can't be read."""
    return f"{age(row.started)} ago" if row.started else ""


def _cells(row: ListedRun) -> tuple[str, ...]:
    return (
        row.run_id,
        row.status,
        ago(row),
        row.kind,
        _short(row.folder),
        one_line(row.task, width=60),
        money(row.cost),
        one_line(row.model or "", width=28),
        f"({row.origin})" if row.origin else "",
        *([row.match] if row.match is not None else []),
    )
