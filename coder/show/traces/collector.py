"""Send traces and metrics of runs to a collector by OTLP: protobuf over HTTP.

The watch has no queue: it reads the log in the background. A collector that is down, slow or hostile delays
a run only briefly, at its end.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self
from uuid import uuid4

import httpx2
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.re import parse_env_headers

from coder.base.errors import MachineError, UsageError, own_command
from coder.base.text.redact import redact
from coder.models.endpoint import is_address, parts_of
from coder.run.event_types import AttemptStarted, RunStopped
from coder.run.events import Event
from coder.run.watch import Watch
from coder.show.traces.fold import SCOPE, Trace, resource_of
from coder.store import open_log

EVERY_S, AT_END_S, SLOW_S, AT_ONCE = 1.0, 3.0, 10.0, 64
_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
METRICS_S = 60.0
"""Seconds between two sends of metrics, as in the SDK's readers."""
HISTOGRAMS = [("token.usage", "{token}", [4.0**n for n in range(14)])]
HISTOGRAMS += [("operation.duration", "s", [0.01 * 2**n for n in range(14)])]
"""Names, units and boundaries of the semantic conventions."""


@dataclass(slots=True)
class _Followed:
    """A run whose events are sent, beginning with number `first`."""

    trace: Trace
    first: int
    latest_seq: int = 0
    """Number of the last reported event, which may be before the last event read."""
    has_stopped: bool = False
    """Whether the last event read stops the run."""


class Collector(Watch):
    """A watch that sends new events of runs to an OpenTelemetry collector; use it with `async with`.

    Events from before it began were sent by the processes that logged them.
    """

    def __init__(self, url: str, note: Callable[[str], None], *, content: bool = False) -> None:
        """Set the address and the function for notes. Raises UsageError if the address or a header is bad."""
        if not is_address(url) or parts_of(url).port == 0 or set("?#") & set(url):
            address = redact(url).partition("?")[0]
            raise UsageError(f"--otlp: {address} is no collector's address, as http://localhost:4318 is.")
        for warning in ("util.re", "sdk.resources"):  # the warning may quote a key
            logging.getLogger(f"opentelemetry.{warning}").disabled = True
        self._url = url.rstrip("/").removesuffix("/v1/traces")  # some users include the path
        self._note, self._content, self._headers = note, content, _headers_from(os.environ)
        self._stack = AsyncExitStack()
        self.followed: dict[str, _Followed] = {}
        """The runs that continue, or whose end isn't sent yet."""
        self._unsent: list[ReadableSpan] = []
        self._new_events, self._has_reported, self._metrics_time = asyncio.Event(), False, time.monotonic()
        self._sending = asyncio.Lock()
        self._reader, process = InMemoryMetricReader(), resource_of(str(uuid4()))
        meter = MeterProvider([self._reader], process, shutdown_on_exit=False).get_meter(
            "coder", SCOPE.version
        )
        self._token_histogram, self._duration_histogram = (
            meter.create_histogram(f"gen_ai.client.{name}", unit, explicit_bucket_boundaries_advisory=bounds)
            for name, unit, bounds in HISTOGRAMS
        )

    async def __aenter__(self) -> Self:
        self._log = self._stack.enter_context(open_log())
        client = httpx2.AsyncClient(headers={**self._headers, "Content-Type": "application/x-protobuf"})
        self._client = await self._stack.enter_async_context(client)
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._try(self._end(), AT_END_S)
        self._following.cancel()
        await self._stack.aclose()

    def event(self, event: Event) -> None:
        """Schedule sending a run's new events."""
        if event.run not in self.followed:
            self.followed[event.run] = _Followed(Trace(event.run, content=self._content), event.seq)
        self.followed[event.run].latest_seq = event.seq
        self._new_events.set()

    async def send(self, prefix: str) -> None:
        """Send all spans of a run and its attempts, including open spans. Raises UsageError, MachineError."""
        runs, spans = [await self._log.resolve(prefix)], []
        for run in runs:
            trace, events = Trace(run, content=self._content), await self._log.read(run)
            runs += [event.body["run"] for event in events if event.type == AttemptStarted.type]
            spans += [*trace.take(events), *trace.cut()]
        await self._flush(spans)

    async def _follow(self) -> None:
        while await self._new_events.wait():
            self._new_events.clear()
            async with self._sending:
                is_sent = await self._try(self._catch_up(), SLOW_S)
            if not is_sent:
                self._new_events.set()  # try again, even if no event comes
            await asyncio.sleep(EVERY_S if is_sent else SLOW_S)

    async def _end(self) -> None:
        async with self._sending:  # an interrupted request would be sent twice
            self._following.cancel()
        await self._catch_up(is_end=True)

    async def _try(self, work: Coroutine[None, None, None], within_s: float) -> bool:
        """Send within a time; report a failure once, without failing the run. Return whether it was sent."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait([task], timeout=within_s)
        finally:
            is_late = task.cancel()
        error = TimeoutError(f"it took over {within_s:g} s") if is_late else task.exception()
        if error is not None and not self._has_reported:
            self._has_reported = True
            self._note(f"traces: {redact(str(error))}. Send all of it: {own_command()} export RUN --otlp URL")
        return error is None

    async def _catch_up(self, *, is_end: bool = False) -> None:
        await self._flush(self._unsent)
        for run, followed_run in [*self.followed.items()]:
            events = await self._log.read(run, after=followed_run.trace.seq)
            followed_run.trace.take(event for event in events if event.seq < followed_run.first)
            self._unsent += followed_run.trace.take(
                event for event in events if event.seq >= followed_run.first
            )
            if events:
                followed_run.has_stopped = events[-1].type == RunStopped.type
            for span in self._unsent:
                self._measure(span)
            await self._flush(self._unsent)
            if followed_run.has_stopped and followed_run.latest_seq <= followed_run.trace.seq:
                del self.followed[run]  # a later resume starts again after these events
        if not is_end and time.monotonic() < self._metrics_time + METRICS_S:
            return
        self._metrics_time = time.monotonic()
        if (data := self._reader.get_metrics_data()) is not None:
            await self._post("metrics", encode_metrics(data).SerializeToString())

    def _measure(self, span: ReadableSpan) -> None:
        attributes = dict(span.attributes or {})
        if attributes.get("gen_ai.operation.name") == "chat" and span.end_time and span.start_time:
            kinds = (".name", ".model", ".type")
            labels = {key: value for key, value in attributes.items() if key.endswith(kinds)}
            self._duration_histogram.record((span.end_time - span.start_time) / 1e9, labels)
            for kind in ("input", "output"):
                token_count = int(str(attributes[f"gen_ai.usage.{kind}_tokens"]))
                self._token_histogram.record(token_count, labels | {"gen_ai.token.type": kind})

    async def _flush(self, unsent: list[ReadableSpan]) -> None:
        while batch := unsent[:AT_ONCE]:
            await self._post("traces", encode_spans(batch).SerializeToString())
            del unsent[:AT_ONCE]

    async def _post(self, signal: str, body: bytes) -> None:
        """Send a request and read only the status of its response. Raises MachineError."""
        url = f"{self._url}/v1/{signal}"
        try:
            async with asyncio.timeout(SLOW_S), self._client.stream("POST", url, content=body) as response:
                if response.is_success:
                    return
                reason: object = f"status {response.status_code}"
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            reason = error or type(error).__name__
        raise MachineError(f"{redact(url)} did not take it: {reason}")


def _headers_from(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the collector's headers.

    Raises UsageError if a header is invalid; the message doesn't quote it, as it may be a key.
    """
    headers = parse_env_headers(environ.get(_HEADERS, ""), liberal=True)
    for number, (name, value) in enumerate(headers.items(), 1):
        if not (_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            raise UsageError(
                f"--otlp: header {number} of {_HEADERS} can't be sent: names and values are characters "
                "of ASCII, without line ends. Write it as name=value, percent-encoded."
            )
    return dict(headers)
