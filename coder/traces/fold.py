"""Fold a run's events into the spans of its trace. Pure: the same events give the same spans, on any day.

Names are those of OpenTelemetry's semantic conventions 1.41.0, the last version that had those for GenAI; our
own begin with `coder.`. Ids are SHA-256 of the run and the event that begins a span. The root is the first
start of a run; a resume or a further task is a span below it, and so is each attempt that is made beside it.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from typing import NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from coder.models.model import ChatMessage, Usage, Used
from coder.run import event_types as of
from coder.run.attempts import CHOOSER
from coder.run.events import Event
from coder.run.message import HUMAN
from coder.text.redact import Redactor

SCOPE = InstrumentationScope("coder", version("coder-agent"), "https://opentelemetry.io/schemas/1.41.0")
OPERATIONS = {"run": "invoke_workflow", "turn": "invoke_agent", "model": "chat"}
OPERATIONS |= {"tool": "execute_tool", "code": "execute_tool"}
KEYS = {"model": "call", "tool": "id", "code": "id", "program": "what", "question": "id"}
NAMES = {"model": "participant", "tool": "name", "code": "name", "program": "what", "question": "about"}
BEGINS, ENDS = ("requested", "called", "started", "asked"), ("answered", "failed", "finished")
"""An event's type is the kind of its span, and what happens to it. Of `code`, a program calls the tool."""
FIELDS = {"participant": "gen_ai.agent.name", "model": "gen_ai.response.model", "error": "error.type"}
FIELDS |= {"name": "gen_ai.tool.name", "exit_code": "process.exit.code", "status": "coder.status"}
QUOTES = {"messages": "gen_ai.input.messages", "arguments": "gen_ai.tool.call.arguments"}
TEXTS = {"model": "gen_ai.output.messages", "question": "coder.question.text"}
"""Attributes by the field of an event; of its `text`, by the kind of the span, and else a tool's result."""
TOKENS = {"input": "input", "output": "output", "cached": "cache_read.input"}
TOKENS |= {"cache_write": "cache_creation.input", "reasoning": "reasoning.output"}
Told = dict[str, str | int | bool]


class _Open(NamedTuple):
    name: str
    began: int
    context: SpanContext
    parent: SpanContext | None
    told: Told


class Trace:
    """The spans of one run so far."""

    def __init__(self, run: str, *, content: bool = False) -> None:
        """Begin without events; `content`: prompts, answers and results stand in the spans, redacted."""
        self.resource = Resource({"service.name": "coder", "service.instance.id": run}, SCOPE.schema_url)
        self._redact = Redactor.from_environment().redact if content else None
        self._run = self._trace = run
        self._open: dict[tuple[str, object], _Open] = {}
        self._used: dict[object, Usage] = {}
        self._model, self._roles, self._asker = "", dict[str, str](), ""
        self._now = self.seq = 0
        """Of the last event: nanoseconds since the epoch, and its number."""
        self._root = self._leg = self._context("run", 1)

    def take(self, events: Iterable[Event]) -> list[ReadableSpan]:
        """The spans that further events have ended, but for those that a fork has copied."""
        ended: list[ReadableSpan] = []
        for event in events:
            body = of.parse(event)
            if isinstance(body, of.RunOrigin):
                ended, self._open, self._used = [], {}, {}
            elif isinstance(body, of.RunStarted | of.RunResumed | of.StepStarted):
                ended += self.cut()
            before, self._now, self.seq = self._now, int(event.time * 1e9), event.seq
            ended += self._taken(body, before) if body is not None else []
        return ended

    def cut(self, told: Told | None = None) -> list[ReadableSpan]:
        """End what is open: the run has stopped, with what is `told` of it, or was cut off."""
        inner = [key for key in reversed(self._open) if key[0] != "run"]
        ended = [span for key in inner for span in self._end(*key, {"coder.cut_off": True})]
        return ended + self._end("run", "", told or {"coder.cut_off": True})

    def _taken(self, body: of.Body, before: int) -> list[ReadableSpan]:
        match body:
            case of.RunStarted() | of.RunResumed() | of.StepStarted():
                self._model, self._roles = body.model, body.settings.roles if body.settings else self._roles
                self._start(None if self.seq == 1 else self._root, self.seq)
            case of.RunOrigin(run=run):
                self._trace = self._run if body.step else run
                self._start(None if body.step or run == self._run else Trace(run)._root, 1)
            case of.RunStopped(status=status):
                error: Told = {"error.type": status} if status == "error" else {}
                return self.cut({"coder.status": status, "coder.verified": body.verified} | error)
            case of.Spoken(message=said) if said.author != HUMAN:
                self._turn(said.author, before)
                return self._end("turn", said.author, {"coder.message.kind": said.kind})
            case of.BaselineTaken(passed=passed):
                started = self._open.get(("run", ""))  # as it runs from then on, beside all else
                began = started.began if started is not None else self._now
                self._begin("program", "baseline", "baseline", self._leg, {}, began)
                return self._end("program", "baseline", {"coder.status": "ok" if passed else "failed"})
            case (
                of.CallAnswered(call=call, usage=used)
                | of.CallRetried(call=call, lost=Used(usage=used))
                | of.CallSwitched(call=call, lost=Used(usage=used))
                | of.CallFailed(call=call, lost=Used(usage=used))
            ):
                self._used[call] = self._used.get(call, Usage()) + used
        kind, _, verb = body.type.partition(".")
        if kind in KEYS and verb in BEGINS:
            name, parent = getattr(body, NAMES[kind]), self._parent(body)
            self._begin(kind, getattr(body, KEYS[kind]), name, parent, self._told(body, kind), self._now)
        ends = kind in KEYS and verb in ENDS
        return self._end(kind, getattr(body, KEYS[kind]), self._told(body, kind)) if ends else []

    def _parent(self, body: of.Body) -> SpanContext:
        match body:
            case of.CallIntended(participant=who):
                self._asker = who
            case of.CodeCalled(id=id) if ("tool", id) in self._open:
                return self._open["tool", id].context
            case of.ProgramStarted(what=what):
                return self._turn(CHOOSER if what == "compare" else "executor", self._now)
            case of.QuestionAsked(by=who) if ("turn", who) not in self._open:
                return self._leg
        return self._turn(self._asker, self._now)

    def _turn(self, who: str, began: int) -> SpanContext:
        """The turn of a participant, which begins with its first event in the log."""
        if not who:
            return self._leg
        if ("turn", who) not in self._open:
            self._begin("turn", who, who, self._leg, {"gen_ai.agent.name": who}, began)
        return self._open["turn", who].context

    def _start(self, parent: SpanContext | None, seq: int) -> None:
        self._leg = self._context("run", seq)
        self._root = self._root if parent is self._root else self._leg
        self._begin("run", "", "coder", parent, {}, self._now)

    def _begin(
        self, kind: str, key: object, name: str, parent: SpanContext | None, told: Told, began: int
    ) -> None:
        if kind == "model":
            provider, _, name = self._roles.get(name, self._model).partition("/")
            told |= {"gen_ai.provider.name": provider, "gen_ai.request.model": name}
        operation = OPERATIONS.get(kind, kind)
        if kind in OPERATIONS:
            told |= {"gen_ai.operation.name": operation, "gen_ai.conversation.id": self._run}
        context = self._leg if kind == "run" else self._context(kind, self.seq)
        self._open[kind, key] = _Open(f"{operation} {name}", began, context, parent, told)

    def _end(self, kind: str, key: object, told: Told) -> list[ReadableSpan]:
        """The span, if it is open."""
        if (span := self._open.pop((kind, key), None)) is None:
            return []
        told = span.told | told
        if kind == "model":
            used = self._used.pop(key, Usage())
            told |= {
                f"gen_ai.usage.{n}_tokens": getattr(used, f"{field}_tokens") for field, n in TOKENS.items()
            }
        return [ReadableSpan(
            _clean(span.name), span.context, span.parent, self.resource,
            {name: _clean(value) if isinstance(value, str) else value for name, value in told.items()},
            kind=SpanKind.CLIENT if kind == "model" else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if "error.type" in told else StatusCode.UNSET),
            start_time=min(span.began, self._now), end_time=self._now, instrumentation_scope=SCOPE,
        )]  # fmt: skip

    def _context(self, kind: str, seq: int) -> SpanContext:
        trace, span = (sha256(key.encode()).digest() for key in (self._trace, f"{self._run} {kind} {seq}"))
        return SpanContext(
            int.from_bytes(trace[:16]), int.from_bytes(span[:8]), is_remote=False, trace_flags=TraceFlags(1)
        )

    def _told(self, body: of.Body, kind: str) -> Told:
        """The attributes that an event gives to a span of this kind."""
        fields, text = dict(body), {"text": TEXTS.get(kind, "gen_ai.tool.call.result")}
        told = {name: fields[field] for field, name in FIELDS.items() if fields.get(field) is not None}
        if self._redact is not None:
            told |= {
                name: self._shown(fields[field]) for field, name in (QUOTES | text).items() if field in fields
            }
        return told

    def _shown(self, said: str | tuple[ChatMessage, ...]) -> str:
        """A text, or messages as the conventions' JSON, without secrets."""
        assert self._redact is not None
        if isinstance(said, str):
            return self._redact(said)
        shown = [(one.role, {"type": "text", "content": self._redact(one.content)}) for one in said]
        return json.dumps([{"role": role, "parts": [part]} for role, part in shown])


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # it may hold lone surrogates
