"""`coder flow`: run a workflow of yours, an async function with recorded steps, and list such runs."""

import asyncio
import json as json_format
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from coder.base.errors import UsageError, own_command
from coder.base.fs.safe_open import read_named
from coder.base.text.ascii_json import ascii_json
from coder.config.layers import load
from coder.engine.requests import ListedRun, list_run
from coder.flows.drive import run_flow
from coder.flows.named_flow import FlowFunction, flow_named
from coder.people.cli.list_runs import DEFAULT_LIMIT, ago
from coder.people.cli.run_program import read_all
from coder.people.cli.run_settings import new_settings
from coder.people.cli.solve_run import carry_out, load_tools
from coder.run.event_types import FlowStarted
from coder.run.model_choice import open_models
from coder.run.run import Run
from coder.show.command_groups import SectionedCommand
from coder.show.flags import RESUME_FLAGS, Json, check_backend, given_flags, group, option, takes
from coder.show.screen import Screen
from coder.show.tables import Column, TextTable, print_blocks
from coder.store import EventLog, open_log

_MAX_INPUT = 16 << 20
"""Longest input of a flow in bytes."""
_COLUMNS = (
    Column("run", is_whole=True),
    Column("status", width=11, is_whole=True, rank=1),
    Column("started", width=10, is_number=True, is_whole=True, rank=2),
    Column("flow", min_width=20),
)

app = group(
    help="Run a workflow of yours, whose steps are recorded, or list such runs.", no_args_is_help=True
)


@app.callback()
def _flow() -> None:
    """Make `coder flow` a group: it takes no options before the command."""


@app.command("run", cls=SectionedCommand)
@takes("no_test", RESUME_FLAGS)
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="An async function of a Flow.")],
    input: Annotated[
        Path | None, option("--input", 'Its input as JSON; "-" reads standard input.', "FILE.json")
    ] = None,
) -> None:
    """Run a workflow: an async function of yours, whose steps are recorded.

    It runs on this machine, as your program. Its output is printed as JSON. After a stop, `coder resume` goes
    on: no finished step is repeated.
    """

    def begin(screen: Screen) -> Coroutine[Any, Any, Run]:
        flags = given_flags(context)
        loaded = load(flags, workspace=Path.cwd())
        for note in loaded.notes:
            screen.note(note)
        check_backend(loaded.config.options.sandbox, flags)
        flow = flow_named(name, Path.cwd())
        value = _read_input(flow, input)
        args = context.params
        settings = new_settings(loaded, args)
        asks = screen.asks or args["detach"] or bool(settings.approve)
        settings = settings.model_copy(update={"asks": settings.asks and asks})
        open_model = partial(
            open_models,
            loaded.config.models(),
            settings,
            note=screen.note,
            book=loaded.book,
            record=args["record"],
            must_know_price=loaded.cost_was_asked,
        )
        tools = load_tools(args, loaded)
        return run_flow(
            flow.function, value, open_model=open_model, settings=settings, tools=tools, watch=screen
        )

    raise typer.Exit(carry_out(context.params, begin))


@app.command("ls")
def ls(
    limit: Annotated[int, option("--limit -n", "The newest N; 0 is all.", "N", min=0)] = DEFAULT_LIMIT,
    json: Json = False,
) -> None:
    """List the flows, newest first."""
    with open_log() as log:
        rows = asyncio.run(_read_flows(log, limit))
    if json:
        typer.echo(f"[{', '.join(map(ascii_json, rows))}]")
        return
    print_blocks([TextTable(_COLUMNS, [(row.run_id, row.status, ago(row), row.task) for row in rows])])
    if not rows:
        typer.echo(f"No flows yet. Start one with: {own_command()} flow run MODULE:FUNCTION", err=True)


async def _read_flows(log: EventLog, limit: int) -> list[ListedRun]:
    rows: list[ListedRun] = []
    for summary in await log.runs():
        second_event = next(iter(await log.read(summary.run, after=1, limit=1)), None)
        if second_event is not None and second_event.type == FlowStarted.type:
            rows.append(await list_run(log, summary))
            if len(rows) == limit:
                break
    return rows


def _read_input(flow: FlowFunction, path: Path | None) -> Any:  # noqa: ANN401 - the input's type
    """Read a flow's input. Raises UsageError if it can't be read, isn't JSON, or doesn't fit the flow."""
    if path is not None:
        return flow.read(_read_json(path))
    try:
        return flow.read(None)
    except UsageError as error:
        schema = json_format.dumps(flow.input_schema())
        raise UsageError(
            f"The flow {flow.name} takes an input. Name a file with --input, as JSON of this schema: {schema}"
        ) from error


def _read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON
    content = read_all() if str(path) == "-" else read_named(path, limit=_MAX_INPUT)
    try:
        return json_format.loads(content)
    except ValueError as error:
        raise UsageError(f"--input {path} isn't JSON: {error}") from error
