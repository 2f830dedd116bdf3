"""`coder store`: move runs to another place, check that they are whole, remove what no run refers to."""

import asyncio
import json as json_format
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coder.base.errors import LogDamaged, UsageError, own_command
from coder.base.fs.same_place import is_same_place
from coder.base.text.sanitize import count_of, one_line
from coder.show.flags import Json, group, option
from coder.show.tables import Column, TextTable, print_blocks
from coder.store import SqliteLog, open_log, open_store
from coder.store.blobs import Blobs
from coder.store.cleaning import GRACE_S, unreferenced
from coder.store.cleaning import check as check_store
from coder.store.cleaning import clean as clean_store
from coder.store.moving import Moved, move_blobs, share_blobs
from coder.store.moving import move as move_store
from coder.store.places import open_place

if TYPE_CHECKING:
    from coder.store.postgres import PostgresLog

_HARM_COLUMNS = (Column("run", is_whole=True), Column("event"), Column("problem", min_width=40, wraps=True))
_PLACE = "ADDRESS"

app = group(help="Move, check or clean the store of runs.", no_args_is_help=True)


@app.command("check")
def check(json: Json = False) -> None:
    """Read every event, and every content that one refers to, which is compared with its digest.

    Exit code 5 says that one is missing or was changed.
    """
    with open_log() as log:
        checked = check_store(log)
    if json:
        harmed = [harm._asdict() for harm in checked.harmed]
        document = {"events": checked.events, "blobs": checked.blobs, "harmed": harmed}
        typer.echo(json_format.dumps(document, indent=2))
    elif checked.harmed:
        cells = [
            (harm.run, str(harm.seq or ""), one_line(harm.problem, width=300)) for harm in checked.harmed
        ]
        print_blocks([TextTable(_HARM_COLUMNS, cells)])
    counts = f"{count_of(checked.events, 'event')}, {count_of(checked.blobs, 'blob')}"
    summary = f"{counts}, {len(checked.harmed)} missing or changed"
    typer.echo(f"{'✗' if checked.harmed else '✓'} {summary}", err=True)
    if checked.harmed:
        raise typer.Exit(LogDamaged.exit_code)


@app.command("clean")
def clean(
    dry_run: Annotated[bool, option("--dry-run", "Only say what would be removed.")] = False,
    older_than: Annotated[
        float, option("--older-than", "Keep contents stored later than this.", "HOURS", min=0)
    ] = GRACE_S / 3600,
    json: Json = False,
) -> None:
    """Remove stored contents that no run refers to."""
    grace_s = older_than * 3600
    with open_log() as log:
        if dry_run:
            removed = unreferenced(log, grace_s=grace_s, now=time.time())
        else:
            removed = list(clean_store(log, grace_s=grace_s))
    if json:
        rows = [{"name": blob.name, "bytes": blob.size} for blob in removed]
        typer.echo(json_format.dumps({"dry_run": dry_run, "removed": rows}, indent=2))
    elif dry_run:
        for blob in removed:
            typer.echo(f"{blob.name}  {blob.size:,} bytes")
    size = sum(blob.size for blob in removed)
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"✓ {count_of(len(removed), 'blob')} {verb}, {size:,} bytes", err=True)


@app.command("move")
def move(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="A folder, as in CODER_HOME, or postgresql://….")
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same; equal to FROM: only blobs move.")],
    from_blobs: Annotated[
        str | None, option("--from-blobs", "Blobs of FROM, as in CODER_BLOBS (its own).", _PLACE)
    ] = None,
    to_blobs: Annotated[
        str | None, option("--to-blobs", "Blobs of TO, as in CODER_BLOBS (its own).", _PLACE)
    ] = None,
    keep: Annotated[bool, option("--keep", "Leave FROM as it is.")] = False,
) -> None:
    """Copy all runs, verify all, and remove them from where they were. If interrupted, run it again."""
    where = _log_of(source)
    if isinstance(where, Path) and not (where / "events" / "events.sqlite").is_file():
        raise UsageError(f"There is no log in {where}. Name the folder that CODER_HOME names, or a database.")
    moved = asyncio.run(_move(where, _log_of(target), from_blobs, to_blobs, keep=keep))
    runs = f"{count_of(moved.runs, 'run')} and " if moved.runs else ""
    kept = "copied" if keep else "moved"
    present = f"; {moved.present} of the blobs were there before" if moved.present else ""
    typer.echo(f"✓ {kept} {runs}{count_of(moved.blobs, 'blob')}, all verified{present}", err=True)
    if moved.left:
        names = f"{', '.join(moved.left[:3])}{', …' if len(moved.left) > 3 else ''}"
        typer.echo(f"  · went on meanwhile, and stay in both: {names}; move again", err=True)
    typer.echo(
        f"  next     set CODER_LOG or CODER_HOME, and CODER_BLOBS; then {own_command()} store check", err=True
    )


async def _move(
    source: "str | Path", target: "str | Path", from_blobs: str | None, to_blobs: str | None, *, keep: bool
) -> Moved:
    with open_store(source, from_blobs) as old:
        if _is_one_log(source, target):
            return _move_blobs(old, from_blobs, to_blobs, keep=keep)
        with open_store(target, to_blobs) as new:
            if old.identity() == new.identity():
                if share_blobs(old.own_blobs, new.own_blobs):
                    return _move_blobs(old, from_blobs, to_blobs, keep=keep)
                raise UsageError("One of FROM and TO is a copy of the other. Name an empty log.")
            return await move_store(old, new, keep=keep, tell=_tell)


def _move_blobs(
    log: "SqliteLog | PostgresLog", from_blobs: str | None, to_blobs: str | None, *, keep: bool
) -> Moved:
    return move_blobs(log.rows, _place(log, from_blobs), _place(log, to_blobs), keep=keep, tell=_tell)


def _is_one_log(source: "str | Path", target: "str | Path") -> bool:
    if isinstance(source, Path) and isinstance(target, Path):
        return is_same_place(source, target)
    return source == target


def _place(log: "SqliteLog | PostgresLog", address: str | None) -> Blobs:
    return open_place(address, log.identity()) if address is not None else log.own_blobs


def _log_of(address: str) -> "str | Path":
    folder = Path(address).expanduser().absolute()
    is_database = "://" in address or (re.match(r"\w+\s*=", address) is not None and not folder.exists())
    return address if is_database else folder


def _tell(verb: str, name: str, number: int, count: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r  {verb} {number}/{count} {name[:20]:<20}", nl=False, err=True)
        if number == count:
            typer.echo("", err=True)
