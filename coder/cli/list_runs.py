"""`coder ls`: the runs in the log, newest first."""

import asyncio
from typing import Annotated

import typer
from pydantic import BaseModel

from coder.console.options import Json, option
from coder.console.render import age, money
from coder.errors import CoderError
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.run import standing
from coder.run.state import State
from coder.store import EventLog, open_log
from coder.text.sanitize import one_line

SHOWN = 20


class ListedRun(BaseModel, frozen=True):
    """One row of the list."""

    run_id: str
    status: str
    """Of the run; `unfinished` before its end, `unreadable` where this version can't read it."""
    started: float | None = None
    """Seconds since the epoch; None where that can't be read."""
    task: str = ""
    model: str | None = None
    cost: float | None = None
    """US dollars; None where the price is unknown."""
    question: str | None = None
    """What it has asked, and nobody has answered yet."""
    origin: str | None = None
    """The run and step that it branches from, if it is a fork."""
    landed: tuple[str, ...] = ()
    """Paths that it has written, in all messages of a conversation, without those that were taken back."""


def ls(
    waiting: Annotated[
        bool, option("--waiting", "Those that wait for an answer, and what they ask.")
    ] = False,
    limit: Annotated[int, option("--limit -n", "The newest N; 0 is all.", "N", min=0)] = SHOWN,
    json: Json = False,
) -> None:
    """List the runs, newest first."""
    rows = asyncio.run(_listed(limit, waiting=waiting))
    if json:
        typer.echo(f"[{', '.join(row.model_dump_json() for row in rows)}]")
        return
    for row in rows:
        typer.echo(_line(row))
        if waiting:
            typer.echo(f"  ? {one_line(row.question or '', width=120)}  coder approve {row.run_id}")
    if not rows:
        none = "No run waits for an answer." if waiting else 'No runs yet. Start one with: coder solve "…"'
        typer.echo(none, err=True)


async def _listed(limit: int, *, waiting: bool) -> list[ListedRun]:
    with open_log() as log:
        found = await log.runs(limit=None if waiting else limit or None)
        rows = [await _row(log, summary.run, summary.first) for summary in found]
    return [row for row in rows if row.question is not None][: limit or None] if waiting else rows


async def _row(log: EventLog, run: str, first: Event) -> ListedRun:
    try:
        state = fold_all(await log.read(run))
    except (ValueError, CoderError):  # a newer version wrote it, or it is damaged: the others are shown
        return ListedRun(run_id=run, status="unreadable", started=first.time or None)
    begun = state.steps[0].task if state.steps else state.task  # a conversation has further tasks
    return ListedRun(
        run_id=run,
        status=state.stopped.status if state.stopped else "unfinished",
        started=first.time,
        task=next((line for line in begun.prompt.splitlines() if line.strip()), ""),
        model=state.model,
        cost=float(state.cost_usd) if state.cost_known else None,
        question=state.question.text if state.question is not None else None,
        origin=state.origin.words if state.origin is not None else None,
        landed=_landed(state),
    )


def _landed(state: State) -> tuple[str, ...]:
    earlier = (path for step in state.steps if not step.taken_back for path in step.landed)
    return tuple(dict.fromkeys((*earlier, *standing(state))))


def _line(row: ListedRun) -> str:
    columns = (
        row.run_id,
        f"{row.status:<11}",
        f"{age(row.started) + ' ago' if row.started else '':>10}",
        f"{money(row.cost):>12}",
        f"{one_line(row.model or '', width=28):<28}",
        one_line(row.task, width=60),
        f"({row.origin})" if row.origin else "",
    )
    return "  ".join(columns).rstrip()
