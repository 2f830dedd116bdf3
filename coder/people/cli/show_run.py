"""`coder show`: print each turn of a run from the log."""

import asyncio
from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of, printable
from coder.engine.requests import latest_run
from coder.people.cli.cost_table import cost_blocks, json_of
from coder.run.costs import costs_of
from coder.run.event_types import CallIntended, RunStopped, StepStarted, ToolAnswered
from coder.run.events import Event
from coder.run.forks import attempts_in
from coder.show.flags import Json, option
from coder.show.run_transcript import Transcript, TranscriptEntry, read_events, replaced_files
from coder.show.tables import Block, HighlightedText, print_blocks
from coder.store import EventLog, open_log

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the start of it.")]
RunHere = Annotated[
    str,
    typer.Argument(
        metavar="[RUN]", help="Its id, or the start of it (the latest of this folder).", show_default=False
    ),
]
_SEPARATED_TYPES = {StepStarted.type, CallIntended.type, RunStopped.type}
"""Types of events that are printed after a blank line."""


def show(
    run: RunHere = "",
    step: Annotated[int | None, option("--step", "One tool call, by its number.", "N")] = None,
    diff: Annotated[bool, option("--diff", "What each tool call has changed, as a patch.")] = False,
    full: Annotated[
        bool, option("--full", "Also files that requests quote, and all names of tests.")
    ] = False,
    cost: Annotated[
        bool, option("--cost", "A line for each model call: tokens, cache, price, time.")
    ] = False,
    json: Json = False,
) -> None:
    """Show each turn of a run: prompt, answer, tool calls, code, output."""
    events = asyncio.run(events_of(run, attempts=True))
    if cost:
        costs = costs_of(events)
        if json:
            typer.echo(json_of(costs))
        else:
            print_blocks(cost_blocks(costs))
        return
    shown_events = events if step is None else [_step_event(events, step)]
    if json:
        typer.echo(dumps([event.model_dump(mode="json") for event in shown_events]))
        return
    transcripts = {
        run: Transcript(
            full=full, diff=diff, before=replaced_files([event for event in events if event.run == run])
        )
        for run in {event.run for event in events}
    }
    entries = [transcripts[event.run].entry(event, with_call=step is not None) for event in events]
    for entry in entries:
        if entry is not None and (step is None or entry.seq == shown_events[0].seq):
            print_blocks(_blocks(entry))


def _step_event(events: list[Event], number: int) -> Event:
    """Return the event that answers the call of a step. Raises UsageError if there is no such step."""
    steps = [event for event in events if event.type == ToolAnswered.type]
    if attempts := attempts_in(events):
        raise UsageError(f"Name the attempt whose step is to be shown: {', '.join(attempts)}")
    if not 1 <= number <= len(steps):
        count = count_of(len(steps), "step")
        raise UsageError(f"{events[0].run} has {count}, so there is no step {number}.")
    return steps[number - 1]


async def events_of(prefix: str, *, attempts: bool = False) -> list[Event]:
    """Return all events of a run, by the start of its id, and of its attempts on demand."""
    with open_log() as log:
        return await read_events(log, await resolve_run(log, prefix), attempts=attempts)


async def resolve_run(log: EventLog, prefix: str) -> str:
    """Return the id of the run whose id starts with `prefix`; if empty, of the latest run of this folder."""
    return await log.resolve(prefix) if prefix else await latest_run(log, Path.cwd())


def _blocks(entry: TranscriptEntry) -> Iterator[Block]:
    if heading := printable(entry.heading):
        yield f"\n{heading}" if entry.type in _SEPARATED_TYPES else heading
    for part in entry.parts:
        lines = (printable(line) for line in part.text.rstrip().splitlines())
        yield HighlightedText(printable(part.title), "\n".join(lines), part.format)
