"""A run as entries to show: `coder show` prints them, and the pages of a server are made of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import dumps, loads

from coder.base.text.sanitize import readable_content
from coder.models.model import ToolCall
from coder.run import event_types
from coder.run.events import Event
from coder.run.message import CheckLine, CodeMessage, Message, OutcomeMessage, PlanMessage, ReplyMessage
from coder.run.plan import plan_of
from coder.run.reducer import begin, fold
from coder.run.state import State
from coder.run.termination import join_names
from coder.show import render
from coder.show.changes import Files, diff_of
from coder.show.quotes import without_files

_MOST_LINES = 60
"""Of a changed file that is shown unless all is asked for."""


@dataclass(frozen=True, slots=True)
class TranscriptPart:
    """One text of an entry, copied from the log and untrusted."""

    title: str
    text: str
    is_aside: bool = False
    """Of use to few readers: a request, what a model thought, the names of all tests."""
    format: str = ""
    """Format or file name by which a terminal colours it; empty: none."""


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """One event as a transcript prints it."""

    seq: int
    type: str
    heading: str
    """One line, which may be empty."""
    parts: tuple[TranscriptPart, ...] = ()


class Transcript:
    """Makes entries of a run's events, which it takes in their order."""

    def __init__(self, *, full: bool = False, diff: bool = False, before: Files | None = None) -> None:
        """Begin before the first event.

        Args:
            full: show quoted and changed files whole, and each test.
            diff: show what a step has changed as a patch; `state` is then known.
            before: files of a large folder as they were, which the log holds from the landing on.
        """
        self.state: State | None = None
        """After the events so far."""
        self.steps = 0
        """Tool calls so far that have an answer."""
        self._full, self._diff, self._before = full, diff, before or {}
        self._called: event_types.ToolCalled | None = None
        self._waiting: tuple[ToolCall, ...] = ()
        self._on_copy = False  # what tools change is discarded

    def entry(self, event: Event, *, with_call: bool = False) -> TranscriptEntry | None:
        """Add the next event and return its entry; None if there is nothing to show.

        Args:
            with_call: show the arguments of a tool call beside its result.
        """
        body = event_types.parse_if_readable(event)
        if body is None:
            text = f"{event.seq}  {event.type} (version {event.version}): this version of coder can't read it"
            return TranscriptEntry(event.seq, event.type, text)
        heading, parts = self._told(event, body, with_call=with_call)
        self._take(event, body)
        filled = tuple(part for part in parts if part.text.strip())
        return TranscriptEntry(event.seq, event.type, heading, filled) if heading or filled else None

    def skip(self, event: Event) -> None:
        """Take the next event without showing it."""
        if (body := event_types.parse_if_readable(event)) is not None:
            self._take(event, body)

    def _take(self, event: Event, body: event_types.Body) -> None:
        match body:
            case event_types.CallAnswered(tool_calls=calls) if calls:
                self._waiting = calls
            case event_types.DialogueTaken():
                self._on_copy = body.on_copy
            case event_types.ToolCalled():
                self._called = body
            case event_types.ToolAnswered(id=id):  # in order: an id that was used before is made anew
                self.steps += 1
                self._called, self._waiting = None, self._waiting[1:] if id else self._waiting
        if self.state is not None:
            self.state = fold(self.state, event, body)
        elif self._diff and isinstance(body, event_types.RunStarted):
            self.state = begin(event)

    def _told(
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
                return f"attempt {body.attempt}  {body.run}", []
            case event_types.AttemptEnded():
                return f"attempt {body.attempt}  {body.status}  {body.reason}", []
            case event_types.StepStarted():
                return f"message  {body.model}", [TranscriptPart("task", body.task.prompt, format="markdown")]
            case event_types.CallIntended():
                return f"call {body.call}  {body.participant}", [*self._request(body)]
            case event_types.CallAnswered():
                return self._answer(body)
            case event_types.ModelCallFailed():
                return f"answer {body.call}  failed", [TranscriptPart(body.error, body.message)]
            case event_types.ToolCalled():
                return "", []  # the answer that called it shows its arguments
            case event_types.ToolAnswered():
                return f"step {self.steps + 1}  {body.name}", [*self._step(body, with_call=with_call)]
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
        used = f"{body.usage.input_tokens} + {body.usage.output_tokens} tokens  {body.seconds:.1f} s"
        parts = [
            TranscriptPart("reasoning", body.reasoning, is_aside=True),
            TranscriptPart("text", body.text, format="markdown"),
        ]
        parts += [
            TranscriptPart(f"calls {called.name}  (step {number})", _in_words(called))
            for number, called in enumerate(body.tool_calls, self.steps + 1)
        ]
        return f"answer {body.call}  {body.model}  {used}", parts

    def _spoken(self, body: event_types.Spoken, message: Message) -> tuple[str, list[TranscriptPart]]:
        """What a participant has said: code, words, a decision or an outcome."""
        match message:
            case CodeMessage():
                again = "  the same as before" if message.repeats else ""
                return f"code{again}", [*self._code(message)]
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
                    TranscriptPart("checks", _listed(outcome.checks) if self._full else "", is_aside=True),
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
        """The text of a changed file, or its length."""
        if text is None:
            return "(deleted)"
        text = readable_content(text)
        count = len(text.splitlines())
        return text if self._full or count <= _MOST_LINES else f"({count} lines)"

    def _step(self, body: event_types.ToolAnswered, *, with_call: bool) -> Iterator[TranscriptPart]:
        """What a tool gave and changed."""
        called = self._called or next(iter(self._waiting), None)
        if with_call and body.id and called is not None:
            yield TranscriptPart("call", _in_words(called))
        yield TranscriptPart("gave", body.text)
        names = (f"{path}  (removed)" if file is None else path for path, file in body.changes.items())
        patch = diff_of(self.state, body.changes, self._before) if self.state is not None else None
        changed = "\n".join(sorted(names)) if patch is None else patch
        title = "changed in a copy that is discarded" if self._on_copy else "changed"
        yield TranscriptPart(title, changed, format="diff" if patch else "")
        yield TranscriptPart("left out", "\n".join(body.left_out))


def landed(events: Sequence[Event]) -> Files:
    """The files that the latest landing of a run has replaced, as they were."""
    bodies = (
        event_types.parse_if_readable(event)
        for event in reversed(events)
        if event.type == event_types.LandingPlanned.type
    )
    return next((body.before for body in bodies if isinstance(body, event_types.LandingPlanned)), {})


def _listed(checks: Sequence[CheckLine]) -> str:
    return "\n".join(f"{'✓' if check.passed else render.FAILED} {check.name}" for check in checks)


def _in_words(called: ToolCall | event_types.ToolCalled) -> str:
    """Format the arguments of a call; a value of several lines stands below its name."""
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
