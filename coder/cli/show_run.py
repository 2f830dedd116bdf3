"""`coder show`: each turn of a run, as the log holds it."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import dumps, loads
from typing import Annotated

import typer
from pydantic import ValidationError

from coder.cli.cost_lines import cost_lines, json_of
from coder.cli.steps import call_of, diff_of, numbered
from coder.console import render
from coder.console.options import Json, option
from coder.errors import UsageError
from coder.models.model import ToolCall
from coder.run import event_types
from coder.run.costs import costs_of
from coder.run.events import Event
from coder.run.message import Message, Outcome
from coder.run.plan import plan_of
from coder.run.termination import named
from coder.store import open_log
from coder.text.sanitize import count_of, printable, shown

_MOST_LINES = 60
"""Of a changed file that is shown without --full."""

_HEADING = re.compile(r"`.+`.*:|Other files, .*:")
"""The line above a file that a request quotes, and above its map."""
_FENCE = re.compile(r"`{3,}")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the start of it.")]


@dataclass(frozen=True, slots=True)
class _How:
    """What is shown of a run's events."""

    events: Sequence[Event]
    """All of the run."""
    steps: Mapping[int, int]
    """The number of each tool call by that of the event that answers it."""
    is_one: bool
    """A single step is shown."""
    diff: bool
    full: bool

    def names(self, names: Sequence[str]) -> str:
        """A few of many names, and how many more there are."""
        return "\n".join(names) if self.full else named(names)

    def text(self, text: str) -> str:
        """The text of a changed file, or its length."""
        text = shown(text)
        count = len(text.splitlines())
        return text if self.full or count <= _MOST_LINES else f"({count} lines)"


def show(
    run: RunId,
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
    events = asyncio.run(events_of(run))
    if cost:
        costs = costs_of(events)
        for line in [json_of(costs)] if json else cost_lines(costs):
            typer.echo(printable(line))
        return
    steps = numbered(events)
    how = _How(events, steps, step is not None, diff, full)
    if step is not None:
        events = [_at(how, step)]
    if json:
        typer.echo(dumps([event.model_dump(mode="json") for event in events]))
        return
    for event in events:
        for line in _told(event, how):
            typer.echo(printable(line))


def _at(how: _How, number: int) -> Event:
    """The event of a step; UsageError: the run has no such step."""
    found = next((event for event in how.events if how.steps.get(event.seq) == number), None)
    if found is None:
        count = count_of(len(how.steps), "step")
        raise UsageError(f"{how.events[0].run} has {count}, so there is no step {number}.")
    return found


async def events_of(prefix: str) -> list[Event]:
    """All that the log holds of a run, by the start of its id."""
    with open_log() as log:
        return await log.read(await log.resolve(prefix))


def _told(event: Event, how: _How) -> Iterator[str]:
    try:
        body = event_types.parse(event)
    except ValidationError:
        body = None
    if body is None:
        yield f"{event.seq}  {event.type} (version {event.version}): this version of coder can't read it"
        return
    yield from _paragraphs(event, body, how)


def _paragraphs(event: Event, body: event_types.Body, how: _How) -> Iterator[str]:
    match body:
        case event_types.RunStarted():
            yield f"{event.run}  {body.model}"
            yield from _indented("task", body.task.prompt)
            yield from _indented("left out", "\n".join(body.notes))
        case event_types.StepStarted():
            yield f"\nmessage  {body.model}"
            yield from _indented("task", body.task.prompt)
        case event_types.CallIntended():
            yield f"\ncall {body.call}  {body.participant}"
            for message in body.messages:
                is_folded = message.role == "user" and not how.full
                content = without_files(message.content) if is_folded else message.content
                yield from _indented(message.role, content)
        case event_types.CallAnswered():
            used = f"{body.usage.input_tokens} + {body.usage.output_tokens} tokens  {body.seconds:.1f} s"
            yield f"answer {body.call}  {body.model}  {used}"
            yield from _indented("reasoning", body.reasoning)
            yield from _indented("text", body.text)
            answered = sum(seq < event.seq for seq in how.steps)
            for number, called in enumerate(body.tool_calls, answered + 1):
                yield from _indented(f"calls {called.name}  (step {number})", _in_words(called))
        case event_types.CallFailed():
            yield f"answer {body.call}  failed"
            yield from _indented(body.error, body.message)
        case event_types.ToolCalled():
            pass  # the answer that called it shows its arguments
        case event_types.ToolAnswered():
            yield from _step(event, body, how)
        case event_types.Spoken(message=message):
            yield from _spoken(body, message, how)
        case event_types.LandingPlanned():
            yield from _indented("patch", body.patch)
            yield from _indented("left out", body.tests)
        case event_types.QuestionAsked():
            yield from _indented(f"question {body.id}", "\n".join([body.text, *body.options]))
            yield from _indented("patch", body.patch)
        case event_types.QuestionAnswered():
            yield from _indented(
                f"answer {body.id}  {body.who} ({body.how})", f"{body.decision} {body.words}".strip()
            )
        case event_types.RunStopped():
            yield f"\n{body.status}  {body.reason}"
            if body.error != body.reason:
                yield from _indented("error", body.error or "")
        case other:
            if line := render.progress(other):
                yield line


def _spoken(body: event_types.Spoken, message: Message, how: _How) -> Iterator[str]:
    """What a participant has said: code, words, a decision or an outcome."""
    match message:
        case Message(kind="code"):
            again = "  the same as before" if message.repeats else ""
            yield f"code {message.sample}.{message.attempt}{again}"
            for path, text in message.files.items():
                yield from _indented(path, "(deleted)" if text is None else how.text(text))
            for path, text in message.test_edits.items():
                what = "(deleted)" if text is None else how.text(text)
                yield from _indented(f"{path}  (left out: needs --allow)", what)
            yield from _indented("left out", "\n".join(message.left_out))
            yield from _indented("check", message.check)
        case Message(kind="reply", text=text):
            yield from _indented("reply", text)
        case Message(kind="decision"):
            yield "the human has decided"
        case Message(outcome=Outcome() as outcome):
            yield render.progress(body) or ""
            yield from _indented("stdout", outcome.stdout)
            yield from _indented("stderr", outcome.stderr)
            yield from _indented("feedback", outcome.feedback)
            yield from _indented("reproduced by", how.names(outcome.reproduced_by))
            yield from _indented("not shown", outcome.unshown)
        case _:
            if line := render.progress(body):
                yield line


def _step(event: Event, body: event_types.ToolAnswered, how: _How) -> Iterator[str]:
    """What a tool gave and changed."""
    yield f"step {how.steps[event.seq]}  {body.name}"
    called = call_of(how.events, event.seq) if how.is_one and body.id else None
    if called is not None:
        yield from _indented("call", _in_words(called))
    yield from _indented("gave", body.text)
    names = (f"{path}  (removed)" if file is None else path for path, file in body.changes.items())
    changed = diff_of(how.events, event.seq) if how.diff else "\n".join(sorted(names))
    yield from _indented("changed", changed)
    yield from _indented("left out", "\n".join(body.left_out))


def _in_words(called: ToolCall | event_types.ToolCalled) -> str:
    """The arguments of a call as text: a name, and its value below where that has several lines."""
    try:
        given = loads(called.arguments or "{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return called.arguments
    if called.name == "plan" and (plan := plan_of(called.arguments)) is not None:
        return "\n".join(plan.lines)
    texts = {name: value if isinstance(value, str) else dumps(value) for name, value in given.items()}
    return "\n".join(
        f"{name}:\n{text}" if "\n" in text else f"{name}: {text}" for name, text in texts.items()
    )


def _indented(title: str, text: str) -> Iterator[str]:
    if text.strip():
        yield f"  {title}"
        yield from (f"    {line}" for line in text.rstrip().splitlines())


def without_files(text: str) -> str:
    """A request with one line for each file that it quotes."""
    return "\n".join(_without_quotes(text.split("\n")))


def _without_quotes(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at + 1]) if at + 1 < len(lines) else None
        if fence is None or not _HEADING.fullmatch(lines[at]):
            yield lines[at]
            at += 1
            continue
        rest = range(at + 2, len(lines))
        end = next((n for n in rest if lines[n] == fence[0]), len(lines))
        yield f"{lines[at].removesuffix(':')}: {count_of(end - at - 2, 'line')}"
        after = lines[end + 1 : end + 3]  # a blank line stands between two files
        is_between = len(after) == 2 and not after[0] and _HEADING.fullmatch(after[1])
        at = end + 1 + bool(is_between)
