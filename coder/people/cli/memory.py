"""`coder memory`: what earlier runs teach later ones; listed, forgotten or turned off."""

import asyncio
import json as json_format
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import count_of, one_line
from coder.show.flags import Json, check_folder, group, option
from coder.show.tables import Column, TextTable, print_blocks
from coder.store import open_log
from coder.verify.lessons import Lesson, Memory, lessons_of

_COLUMNS = (Column("run", is_whole=True), Column("failed", min_width=20), Column("changed", min_width=20))

app = group(help="List, forget or turn off what earlier runs teach later ones.", no_args_is_help=True)


@app.command("ls")
def ls(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="The folder (.).")] = None,
    json: Json = False,
) -> None:
    """List the lessons of a folder, the newest first."""
    folder, memory = path or Path(), Memory.load()
    check_folder(folder, "Name a folder, or none for this one.")
    lessons = asyncio.run(_lessons(str(folder.resolve()), memory))
    if json:
        rows = [
            {
                "run": lesson.run,
                "failed": sorted(lesson.failing),
                "error": lesson.error,
                "changed": lesson.paths,
                "command": lesson.command,
                "missing": lesson.missing,
            }
            for lesson in lessons
        ]
        typer.echo(json_format.dumps(rows))
        return
    cells = [
        (lesson.run, one_line(", ".join(sorted(lesson.failing)) or lesson.error), ", ".join(lesson.paths))
        for lesson in lessons
    ]
    print_blocks([TextTable(_COLUMNS, cells)])
    if memory.is_off:
        typer.echo(f"Memory is off. Turn it on with: {own_command()} memory on", err=True)
    elif not lessons:
        typer.echo("No run in this folder has mended failing tests.", err=True)


@app.command("forget")
def forget(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN…", help="Runs that teach nothing.")] = None,
    everything: Annotated[bool, option("--all", "All runs so far, of all folders.")] = False,
) -> None:
    """Let runs teach nothing from now on. Their logs stay as they are."""
    if bool(runs) == everything:
        raise UsageError(f"Name runs, or --all. See them with: {own_command()} memory ls")
    memory = Memory.load()
    forgotten = asyncio.run(_ids(runs))
    replace(memory, forgotten=memory.forgotten | forgotten).save()
    typer.echo(f"{count_of(len(forgotten), 'run')} forgotten.", err=True)


@app.command("off")
def off() -> None:
    """Recall nothing, whatever --lessons and the configuration say."""
    replace(Memory.load(), is_off=True).save()
    typer.echo("Memory is off.", err=True)


@app.command("on")
def on() -> None:
    """Recall lessons again, where --lessons or the configuration ask for them."""
    replace(Memory.load(), is_off=False).save()
    typer.echo("Memory is on: --lessons tells a model what mended like failures before.", err=True)


async def _lessons(root: str, memory: Memory) -> list[Lesson]:
    with open_log() as log:
        return await lessons_of(log, root, forgotten=memory.forgotten)


async def _ids(runs: list[str] | None) -> frozenset[str]:
    with open_log() as log:
        if runs:
            return frozenset([await log.resolve(run) for run in runs])
        return frozenset(summary.run for summary in await log.runs())
