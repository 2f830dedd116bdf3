"""Fold a run's events into the spans of its trace. Equal events give equal spans, on any day.

Names are those of OpenTelemetry's semantic conventions 1.41.0, the last version with GenAI names; our own
begin with `coder.`. Ids are SHA-256 of the run and the event that begins a span. The root is the first start
of a run; a resume, a further task and each attempt are spans below it.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import NamedTuple

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from coder.base.text.redact import Redactor
from coder.models.model import ChatMessage, Usage, Used
from coder.run import event_types as of
from coder.run.attempts import ATTEMPTS
from coder.run.events import Event
from coder.run.message import HUMAN

SCOPE = InstrumentationScope("coder", version("coder-agent"), "https://opentelemetry.io/schemas/1.41.0")
OPERATIONS = {"run": "invoke_workflow", "turn": "invoke_agent", "model": "chat"}
OPERATIONS |= {"tool": "execute_tool", "code": "execute_tool", "flow.step": "execute_step"}
KEYS = {
    "model": "call",
    "tool": "id",
    "code": "id",
    "program": "what",
    "question": "id",
    "flow.step": "position",
}
NAMES = {"model": "participant", "tool": "name", "code": "name", "program": "what", "question": "about"}
NAMES |= {"flow.step": "name"}
BEGIN_VERBS, END_VERBS = (
    ("requested", "called", "started", "asked"),
    ("answered", "failed", "finished", "ended"),
)
"""Verbs of event types that begin and end spans; the word before is the kind of the span."""
ATTRIBUTES = {"participant": "gen_ai.agent.name", "model": "gen_ai.response.model", "error": "error.type"}
ATTRIBUTES |= {"name": "gen_ai.tool.name", "exit_code": "process.exit.code", "status": "coder.status"}
CONTENT_ATTRIBUTES = {"messages": "gen_ai.input.messages", "arguments": "gen_ai.tool.call.arguments"}
TEXT_ATTRIBUTES = {"model": "gen_ai.output.messages", "question": "coder.question.text"}
"""Attributes by the event's field; those of `text` by the span's kind, else the tool result's."""
TOKENS = {"input": "input", "output": "output", "cached": "cache_read.input"}
TOKENS |= {"cache_write": "cache_creation.input", "reasoning": "reasoning.output"}
Attributes = Mapping[str, object]
Parent = SpanContext | None


class _Open(NamedTuple):
    name: str
    began: int
    context: SpanContext
    parent: Parent
    attributes: Attributes


def resource_of(instance: str) -> Resource:
    """Return the reporting resource, with OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES."""
    instance_resource = Resource({"service.instance.id": instance}, SCOPE.schema_url)
    return Resource({"service.name": "coder"}).merge(OTELResourceDetector().detect()).merge(instance_resource)


class Trace:
    """The spans of one run so far. `seq` is the last event's number."""

    def __init__(self, run: str, *, content: bool = False) -> None:
        """Create the trace without events; `content` adds redacted prompts, answers and results."""
        self._resource = resource_of(run)
        self._redact, self._content = Redactor.from_environment().redact, content
        self._run = self._trace = run
        self._open: dict[tuple[str, object], _Open] = {}
        self._used: dict[object, Usage] = {}
        self._model, self._roles, self._asker = "", dict[str, str](), ""
        self._time_ns = self.seq = 0
        self._root = self._segment = self._context("run", 1)

    def take(self, events: Iterable[Event]) -> list[ReadableSpan]:
        """Add events; return the spans that they end, except spans that a fork copied."""
        spans: list[ReadableSpan] = []
        for event in events:
            body = of.parse(event)
            if isinstance(body, of.RunOrigin):
                spans, self._open, self._used = [], {}, {}
            elif isinstance(body, of.RunStarted | of.RunResumed | of.StepStarted):
                spans += self.cut()
            self._time_ns, self.seq = int(event.time * 1e9), event.seq
            spans += self._spans_of(body) if body is not None else []
        return spans

    def cut(self, attributes: Attributes | None = None) -> list[ReadableSpan]:
        """End the open spans, as the run has stopped (with these attributes) or was interrupted."""
        inner = [key for key in reversed(self._open) if key[0] != "run"]
        spans = [span for key in inner for span in self._end(*key, {"coder.cut_off": True})]
        return spans + self._end("run", "", attributes or {"coder.cut_off": True})

    def _spans_of(self, body: of.Body) -> list[ReadableSpan]:
        match body:
            case of.RunStarted() | of.RunResumed() | of.StepStarted():
                self._model, self._roles = body.model, body.settings.roles if body.settings else self._roles
                parent = body.parent if isinstance(body, of.RunStarted) else None
                self._trace = parent.run if parent is not None else self._trace
                root = None if self.seq == 1 else self._root
                self._start(root if parent is None else Trace(parent.run)._root, self.seq)
            case of.RunOrigin():
                self._start(None, 1)
            case of.RunStopped(status=status):
                error = {"error.type": str(body.exit_code)} if status == "error" else {}
                return self.cut({"coder.status": status, "coder.verified": body.verified, **error})
            case of.Spoken(message=message) if message.author != HUMAN:
                self._turn(message.author)
                return self._end("turn", message.author, {"coder.message.kind": message.kind})
            case of.BaselineTaken(passed=passed, is_preliminary=False):
                self._begin("program", "baseline", "baseline", self._segment, {}, lasts_s=body.seconds)
                return self._end("program", "baseline", {"coder.status": "ok" if passed else "failed"})
            case (
                of.CallAnswered(call=call, usage=used)
                | of.CallRetried(call=call, lost=Used(usage=used))
                | of.CallSwitched(call=call, lost=Used(usage=used))
                | of.ModelCallFailed(call=call, lost=Used(usage=used))
            ):
                self._used[call] = self._used.get(call, Usage()) + used
        kind, _, verb = body.type.rpartition(".")
        key, attributes = getattr(body, KEYS.get(kind, "type")), self._attributes(body, kind)
        if kind in KEYS and verb in BEGIN_VERBS:
            self._begin(kind, key, getattr(body, NAMES[kind]), self._parent(body), attributes)
        return self._end(kind, key, attributes) if verb in END_VERBS else []

    def _parent(self, body: of.Body) -> SpanContext:
        match body:
            case of.CallIntended(participant=who):
                self._asker = who
            case of.CodeCalled(id=id) if ("tool", id) in self._open:
                return self._open["tool", id].context
            case of.ProgramStarted(what=what):
                return self._turn(ATTEMPTS if what == "compare" else "executor")
            case of.QuestionAsked(by=who) if ("turn", who) not in self._open:
                return self._segment
        return self._turn(self._asker)

    def _turn(self, participant: str) -> SpanContext:
        """Begin a participant's turn at its first event, and return the turn's context."""
        if participant and ("turn", participant) not in self._open:
            self._begin("turn", participant, participant, self._segment, {"gen_ai.agent.name": participant})
        return self._open["turn", participant].context if participant else self._segment

    def _start(self, parent: Parent, seq: int) -> None:
        self._segment = self._context("run", seq)
        self._root = self._root if parent is self._root else self._segment
        self._begin("run", "", "coder", parent, {})

    def _begin(
        self, kind: str, key: object, name: str, parent: Parent, initial: Attributes, lasts_s: float = 0.0
    ) -> None:
        attributes = dict(initial)
        if kind == "model":
            provider, _, name = self._roles.get(name, self._model).partition("/")
            attributes |= {"gen_ai.provider.name": provider, "gen_ai.request.model": name}
        operation = OPERATIONS.get(kind, kind)
        if kind in OPERATIONS:
            attributes |= {"gen_ai.operation.name": operation, "gen_ai.conversation.id": self._run}
        context = self._segment if kind == "run" else self._context(kind, self.seq)
        start_ns = self._time_ns - int(lasts_s * 1e9)
        self._open[kind, key] = _Open(f"{operation} {name}", start_ns, context, parent, attributes)

    def _end(self, kind: str, key: object, attributes: Attributes) -> list[ReadableSpan]:
        """End a span if it is open."""
        if (span := self._open.pop((kind, key), None)) is None:
            return []
        usage = self._used.pop(key, Usage()) if kind == "model" else None
        attributes = {**span.attributes, **attributes}
        if usage is not None:
            attributes |= {
                f"gen_ai.usage.{name}_tokens": getattr(usage, f"{field_name}_tokens")
                for field_name, name in TOKENS.items()
            }
        return [ReadableSpan(
            str(self._redacted_value(span.name)), span.context, span.parent, self._resource,
            {name: self._redacted_value(value) for name, value in attributes.items()},
            kind=SpanKind.CLIENT if kind == "model" else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if "error.type" in attributes else StatusCode.UNSET),
            start_time=min(span.began, self._time_ns), end_time=self._time_ns, instrumentation_scope=SCOPE,
        )]  # fmt: skip

    def _context(self, kind: str, seq: int) -> SpanContext:
        trace, span = (sha256(text.encode()).digest() for text in (self._trace, f"{self._run} {kind} {seq}"))
        return SpanContext(int.from_bytes(trace[:16]), int.from_bytes(span[:8]), is_remote=False)

    def _attributes(self, body: of.Body, kind: str) -> Attributes:
        """Return the attributes of an event for a span of this kind."""
        fields, text = dict(body), {"text": TEXT_ATTRIBUTES.get(kind, "gen_ai.tool.call.result")}
        names = ATTRIBUTES | CONTENT_ATTRIBUTES | text if self._content else ATTRIBUTES
        if isinstance(body, of.FlowStepEnded) and body.error is not None:
            fields["error"] = body.error.type
        if isinstance(body, of.CallAnswered):
            fields["text"] = (ChatMessage(role="assistant", content=body.text),)
        return {name: fields[field] for field, name in names.items() if fields.get(field) is not None}

    def _redacted_value(self, value: object) -> str | int | bool:
        """Redact a value and replace lone surrogates; messages become JSON by the conventions."""
        if isinstance(value, tuple):
            messages = [(message.role, {"type": "text", "content": message.content}) for message in value]
            value = json.dumps([{"role": role, "parts": [part]} for role, part in messages])
        return value if isinstance(value, int) else self._redact(str(value)).encode(errors="replace").decode()
