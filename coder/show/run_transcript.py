"""A run as entries to show, which `coder show` and the pages of a server print."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import dumps, loads

from coder.base.text.sanitize import readable_content
from coder.models.model import ToolCall
from coder.run import event_types
from coder.run.events import Event, EventStore
from coder.run.message import CheckLine, CodeMessage, Message, OutcomeMessage, PlanMessage, ReplyMessage
from coder.run.plan import plan_of
from coder.run.reducer import begin, fold
from coder.run.state import State
from coder.run.verdict_words import join_names
from coder.show import render
from coder.show.changes import Files, diff_of
from coder.show.quotes import without_files

_FILE_LINES = 60
"""Longest changed file in lines that is shown without `full`."""


@dataclass(frozen=True, slots=True)
class TranscriptPart:
    """One text of an entry, copied from the log and untrusted."""

    title: str
    text: str
    is_aside: bool = False
    """Whether few readers need the text, such as a request, a model's reasoning or the names of all tests."""
    format: str = ""
    """Format or file name that selects the colours on a terminal; empty: no colours."""


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """One event as a transcript shows it."""

    seq: int
    type: str
    heading: str
    """A line of text, or an empty string."""
    parts: tuple[TranscriptPart, ...] = ()


class Transcript:
    """Converts a run's events, given in order, into entries."""

    def __init__(self, *, full: bool = False, diff: bool = False, before: Files | None = None) -> None:
        """Begin before the first event.

        Args:
            full: show quoted and changed files in full, and each test.
            diff: show a step's changes as a patch, for which `state` is kept.
            before: earlier contents of a large folder's files, which the log has only from the landing on.
        """
        self.state: State | None = None
        """The state after the events so far."""
        self.steps = 0
        """Number of answered tool calls so far."""
        self._full, self._diff, self._before = full, diff, before or {}
        self._called: event_types.ToolCalled | None = None
        self._waiting: tuple[ToolCall, ...] = ()
        self._on_copy = False  # whether changes of tools are discarded

    def entry(self, event: Event, *, with_call: bool = False) -> TranscriptEntry | None:
        """Add the next event and return its entry; None if there is nothing to show.

        Args:
            with_call: show the arguments of a tool call with its result.
        """
        body = event_types.parse_if_readable(event)
        if body is None:
            text = f"{event.seq}  {event.type} (version {event.version}): this version of coder can't read it"
            return TranscriptEntry(event.seq, event.type, text)
        heading, parts = self._describe(event, body, with_call=with_call)
        self._add(event, body)
        parts_with_text = tuple(part for part in parts if part.text.strip())
        return (
            TranscriptEntry(event.seq, event.type, heading, parts_with_text)
            if heading or parts_with_text
            else None
        )

    def skip(self, event: Event) -> None:
        """Add the next event without an entry."""
        if (body := event_types.parse_if_readable(event)) is not None:
            self._add(event, body)

    def _add(self, event: Event, body: event_types.Body) -> None:
        match body:
            case event_types.CallAnswered(tool_calls=calls) if calls:
                self._waiting = calls
            case event_types.DialogueTaken():
                self._on_copy = body.on_copy
            case event_types.ToolCalled():
                self._called = body
            case event_types.ToolAnswered(id=id):  # calls are answered in order, as ids may repeat
                self.steps += 1
                self._called, self._waiting = None, self._waiting[1:] if id else self._waiting
        if self.state is not None:
            self.state = fold(self.state, event, body)
        elif self._diff and isinstance(body, event_types.RunStarted):
            self.state = begin(event)

    def _describe(
        self, event: Event, body: event_types.Body, *, with_call: bool
    ) -> tuple[str, Sequence[TranscriptPart]]:
        match body:
            case event_types.RunStarted(task=task):
                notes = TranscriptPart("left out", "\n".join(body.notes))
                return f"{event.run}  {body.model}", [
                    TranscriptPart("task", task.prompt, format="markdown"),
                    notes,
                ]
            case event_types.AttemptStarted():
                return f"{_run_name(body)}  {body.run}", []
            case event_types.FlowStarted():
                return f"flow {body.flow}", [TranscriptPart("input", _json_text(body.input), format="json")]
            case event_types.FlowStepStarted():
                return f"flow step {body.position}  {body.verb}  {body.name}", []
            case event_types.FlowStepSpawned():
                return f"flow step {body.position}  {body.run}", []
            case event_types.FlowStepEnded():
                return _flow_step(body)
            case event_types.FlowEnded():
                return "", [TranscriptPart("output", _json_text(body.output), format="json")]
            case event_types.AttemptEnded():
                return f"{_run_name(body)}  {body.status}  {body.reason}", []
            case event_types.StepStarted():
                return f"message  {body.model}", [TranscriptPart("task", body.task.prompt, format="markdown")]
            case event_types.CallIntended():
                return f"call {body.call}  {body.participant}", [*self._request(body)]
            case event_types.CallAnswered():
                return self._answer(body)
            case event_types.ModelCallFailed():
                return f"answer {body.call}  failed", [TranscriptPart(body.error, body.message)]
            case event_types.ToolCalled():
                return "", []  # the entry of the model's answer shows the arguments
            case event_types.ToolAnswered():
                return f"step {self.steps + 1}  {body.name}", [*self._step(body, with_call=with_call)]
            case event_types.MessagesTaken():
                return "message", [TranscriptPart("user", body.text)]
            case event_types.Spoken(message=message):
                return self._spoken(body, message)
            case event_types.LandingPlanned():
                patches = {"patch": body.patch, "left out": body.tests}
                return "", [TranscriptPart(title, patch, format="diff") for title, patch in patches.items()]
            case event_types.QuestionAsked():
                text = "\n".join([body.text, *body.options])
                return "", [
                    TranscriptPart(f"question {body.id}", text),
                    TranscriptPart("patch", body.patch, format="diff"),
                ]
            case event_types.QuestionAnswered():
                words = f"{body.decision} {body.words}".strip()
                return "", [TranscriptPart(f"answer {body.id}  {body.who} ({body.how})", words)]
            case event_types.RunStopped():
                error = body.error if body.error != body.reason else None
                return f"{body.status}  {body.reason}", [TranscriptPart("error", error or "")]
            case other:
                return render.progress(other) or "", []

    def _request(self, body: event_types.CallIntended) -> Iterator[TranscriptPart]:
        for message in body.messages:
            is_folded = message.role == "user" and not self._full
            content = without_files(message.content) if is_folded else message.content
            yield TranscriptPart(message.role, content, is_aside=True, format="markdown")

    def _answer(self, body: event_types.CallAnswered) -> tuple[str, list[TranscriptPart]]:
        usage_text = f"{body.usage.input_tokens} + {body.usage.output_tokens} tokens  {body.seconds:.1f} s"
        parts = [
            TranscriptPart("reasoning", body.reasoning, is_aside=True),
            TranscriptPart("text", body.text, format="markdown"),
        ]
        parts += [
            TranscriptPart(f"calls {called.name}  (step {number})", _format_arguments(called))
            for number, called in enumerate(body.tool_calls, self.steps + 1)
        ]
        return f"answer {body.call}  {body.model}  {usage_text}", parts

    def _spoken(self, body: event_types.Spoken, message: Message) -> tuple[str, list[TranscriptPart]]:
        """Return the heading and parts of a participant's message: code, words, a decision or an outcome."""
        match message:
            case CodeMessage():
                note = "  the same as before" if message.repeats else ""
                return f"code{note}", [*self._code(message)]
            case ReplyMessage(text=text):
                return "", [TranscriptPart("reply", text, format="markdown")]
            case PlanMessage(text=text):
                return "", [TranscriptPart("plan", text, format="markdown")]
            case OutcomeMessage(outcome=outcome):
                names = outcome.reproduced_by
                return render.progress(body) or "", [
                    TranscriptPart("stdout", outcome.stdout),
                    TranscriptPart("stderr", outcome.stderr),
                    TranscriptPart("feedback", outcome.feedback),
                    TranscriptPart("reproduced by", "\n".join(names) if self._full else join_names(names)),
                    TranscriptPart("not shown", outcome.unshown),
                    TranscriptPart(
                        "checks", _check_list(outcome.checks) if self._full else "", is_aside=True
                    ),
                ]
            case _:
                return render.progress(body) or "", []

    def _code(self, message: CodeMessage) -> Iterator[TranscriptPart]:
        for path, text in message.changes.files.items():
            yield TranscriptPart(path, self._whole(text), format=path)
        for path, text in message.changes.test_edits.items():
            yield TranscriptPart(f"{path}  (left out: needs --allow)", self._whole(text), format=path)
        yield TranscriptPart("left out", "\n".join(message.changes.left_out))
        yield TranscriptPart("check", message.check, format="python")

    def _whole(self, text: str | None) -> str:
        """Return the text of a changed file, or its length."""
        if text is None:
            return "(deleted)"
        text = readable_content(text)
        count = len(text.splitlines())
        return text if self._full or count <= _FILE_LINES else f"({count} lines)"

    def _step(self, body: event_types.ToolAnswered, *, with_call: bool) -> Iterator[TranscriptPart]:
        """Yield a tool's output and changes."""
        call = self._called or next(iter(self._waiting), None)
        if with_call and body.id and call is not None:
            yield TranscriptPart("call", _format_arguments(call))
        yield TranscriptPart("gave", body.text)
        names = (f"{path}  (removed)" if file is None else path for path, file in body.changes.items())
        patch = diff_of(self.state, body.changes, self._before) if self.state is not None else None
        changes_text = "\n".join(sorted(names)) if patch is None else patch
        title = "changed in a copy that is discarded" if self._on_copy else "changed"
        yield TranscriptPart(title, changes_text, format="diff" if patch else "")
        yield TranscriptPart("left out", "\n".join(body.left_out))


def _flow_step(body: event_types.FlowStepEnded) -> tuple[str, list[TranscriptPart]]:
    """Return the heading and parts of a flow's step that has ended."""
    heading = f"flow step {body.position}  {body.name}  {body.seconds:.1f} s"
    if (error := body.error) is not None:
        problem = TranscriptPart("failed", f"{error.type}: {error.message}")
        return heading, [problem, TranscriptPart("raised at", error.trace, format="python")]
    return heading, [TranscriptPart("gave", _json_text(body.value), format="json")]


def _json_text(value: object) -> str:
    """Format a value of a flow; None is empty."""
    return "" if value is None else dumps(value, indent=2, ensure_ascii=False)


def _run_name(body: event_types.AttemptStarted | event_types.AttemptEnded) -> str:
    """Return the name of an attempt or a subagent."""
    return f"attempt {body.attempt}" if body.delegation is None else f"subagent {body.delegation.subagent}"


async def read_events(log: EventStore, run: str, *, attempts: bool = True) -> list[Event]:
    """Return the events of a run.

    Args:
        attempts: whether to include the events of the run's attempts, each where it began.
    """
    events: list[Event] = []
    for event in await log.read(run):
        events.append(event)
        if attempts and event.type == event_types.FlowStepSpawned.type:
            events += await read_events(log, event.body["run"])
        elif attempts and event.type == event_types.AttemptStarted.type:
            events += await log.read(event.body["run"])
    return events


def replaced_files(events: Sequence[Event]) -> Files:
    """Return the earlier contents of files that the latest landing of a run has replaced."""
    bodies = (
        event_types.parse_if_readable(event)
        for event in reversed(events)
        if event.type == event_types.LandingPlanned.type
    )
    return next((body.before for body in bodies if isinstance(body, event_types.LandingPlanned)), {})


def _check_list(checks: Sequence[CheckLine]) -> str:
    return "\n".join(f"{'✓' if check.passed else render.FAILED_SIGN} {check.name}" for check in checks)


def _format_arguments(called: ToolCall | event_types.ToolCalled) -> str:
    """Format the arguments of a call; a value of several lines is printed below its name."""
    try:
        arguments = loads(called.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return called.arguments
    if called.name == "plan" and (plan := plan_of(called.arguments)) is not None:
        return "\n".join(plan.lines)
    texts = {name: value if isinstance(value, str) else dumps(value) for name, value in arguments.items()}
    return "\n".join(
        f"{name}:\n{text}" if "\n" in text else f"{name}: {text}" for name, text in texts.items()
    )
