"""`coder show`: each turn of a run, as the log holds it."""

import asyncio
import os
from collections.abc import Iterator
from json import dumps
from typing import Annotated

import typer
from pydantic import ValidationError

from coder.cli.cost_lines import cost_lines, json_of
from coder.console import render
from coder.console.options import Json
from coder.models.model import ToolCall
from coder.run.costs import costs_of
from coder.run.event_types import (
    Body,
    CallAnswered,
    CallFailed,
    CallIntended,
    LandingPlanned,
    RunStarted,
    RunStopped,
    Spoken,
    StepStarted,
    ToolAnswered,
    ToolCalled,
    parse,
)
from coder.run.events import Event
from coder.run.message import Message, Outcome
from coder.store import SqliteLog, data_folder
from coder.text.binary import shown
from coder.text.sanitize import printable

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the start of it.")]


def show(
    run: RunId,
    cost: Annotated[
        bool, typer.Option("--cost", help="A line for each model call: tokens, cache, price, time.")
    ] = False,
    json: Json = False,
) -> None:
    """Show each turn of a run: prompt, answer, code, output."""
    events = asyncio.run(_events(run))
    if cost:
        costs = costs_of(events)
        for line in [json_of(costs)] if json else cost_lines(costs):
            typer.echo(printable(line))
        return
    if json:
        typer.echo(f"[{', '.join(event.as_json() for event in events)}]")
        return
    for event in events:
        for line in _told(event):
            typer.echo(printable(line))


async def _events(prefix: str) -> list[Event]:
    with SqliteLog(data_folder(os.environ)) as log:
        return await log.read(await log.resolve(prefix))


def _told(event: Event) -> Iterator[str]:
    try:
        body = parse(event)
    except ValidationError:
        body = None
    if body is None:
        yield f"{event.seq}  {event.type} (version {event.version}): this version of coder can't read it"
        return
    yield from _paragraphs(event, body)


def _paragraphs(event: Event, body: Body) -> Iterator[str]:
    match body:
        case RunStarted():
            yield f"{event.run}  {body.model}"
            yield from _indented("task", body.task.prompt)
            yield from _indented("left out", "\n".join(body.notes))
        case StepStarted():
            yield f"\nmessage  {body.model}"
            yield from _indented("task", body.task.prompt)
        case CallIntended():
            yield f"\ncall {body.call}  {body.participant}"
            for message in body.messages:
                yield from _indented(message.role, message.content)
        case CallAnswered():
            used = f"{body.usage.input_tokens} + {body.usage.output_tokens} tokens  {body.seconds:.1f} s"
            yield f"answer {body.call}  {body.model}  {used}"
            yield from _indented("reasoning", body.reasoning)
            yield from _indented("text", body.text)
            for called in body.tool_calls:
                yield from _indented(f"calls {called.name}", _in_words(called))
        case CallFailed():
            yield f"answer {body.call}  failed"
            yield from _indented(body.error, body.message)
        case ToolCalled():
            pass  # the answer that called it shows its arguments
        case ToolAnswered():
            yield from _indented(f"{body.name} gave", body.text)
            named = (f"{path}  (removed)" if file is None else path for path, file in body.changes.items())
            yield from _indented("changed", "\n".join(sorted(named)))
            yield from _indented("left out", "\n".join(body.left_out))
        case Spoken(message=Message(kind="code") as message):
            again = "  the same as before" if message.repeats else ""
            yield f"code {message.sample}.{message.attempt}{again}"
            for path, text in message.files.items():
                yield from _indented(path, "(deleted)" if text is None else shown(text))
            for path, text in message.test_edits.items():
                yield from _indented(
                    f"{path}  (left out: needs --allow)", "(deleted)" if text is None else shown(text)
                )
            yield from _indented("left out", "\n".join(message.left_out))
            yield from _indented("check", message.check)
        case Spoken(message=Message(kind="reply", text=text)):
            yield from _indented("reply", text)
        case Spoken(message=Message(kind="decision")):
            yield "the human has decided"
        case Spoken(message=Message(outcome=Outcome() as outcome)):
            yield render.progress(body) or ""
            for name, text in (
                ("stdout", outcome.stdout),
                ("stderr", outcome.stderr),
                ("feedback", outcome.feedback),
                ("reproduced by", "\n".join(outcome.reproduced_by)),
                ("not shown", outcome.unshown),
            ):
                yield from _indented(name, text)
        case LandingPlanned():
            yield from _indented("patch", body.patch)
            yield from _indented("left out", body.tests)
        case RunStopped():
            yield f"\n{body.status}  {body.reason}"
            if body.error != body.reason:
                yield from _indented("error", body.error or "")
        case other:
            if line := render.progress(other):
                yield line


def _in_words(called: ToolCall) -> str:
    """The arguments of a call as text: a name, and its value below where that has several lines."""
    try:
        given = called.parsed()
    except ValueError:
        return called.arguments
    texts = {name: value if isinstance(value, str) else dumps(value) for name, value in given.items()}
    return "\n".join(
        f"{name}:\n{text}" if "\n" in text else f"{name}: {text}" for name, text in texts.items()
    )


def _indented(title: str, text: str) -> Iterator[str]:
    if text.strip():
        yield f"  {title}"
        yield from (f"    {line}" for line in text.rstrip().splitlines())
