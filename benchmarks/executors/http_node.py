"""Node that is a `coder serve` on another machine.

A worker streams a line for each outcome, and an empty line every few seconds: without lines it is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic

import httpx2
from pydantic import ValidationError

from benchmarks.executors.executor import J, JobFailed, NoAnswer, NodeLost, O, failed
from benchmarks.executors.facts import WorkerFacts, installed_version
from benchmarks.executors.wire import (
    HEARTBEAT_S,
    Wire,
    WireHead,
    WireJob,
    WireLine,
    WireRequest,
    digest_of,
    sendable_text,
)
from benchmarks.suite import FunctionCase, ScriptCase
from benchmarks.suites.records import list_errors
from coder.base.errors import UsageError

_SILENCE_S = 4 * HEARTBEAT_S
_CONNECT_S = 5.0
_MAX_BODY = 6 << 20
"""Maximum bytes of a request, below the 8 MiB that a server takes."""
_PATIENCE_S, _PAUSE_S = 60.0, 1.0
"""Maximum time for a lost worker to come back, and the interval at which it is asked."""
_ROOM = 128
"""Maximum jobs in flight per worker, including slow answers, which have left the worker's slots."""
_MAX_SENDS = 3
"""Send a case at most this often: a worker keeps the cases of 4096 jobs at least."""
_BUSY = frozenset({408, 429})
_OPENING_TRIES = 3


class WorkerBusy(NodeLost):
    """The worker, or a proxy in front of it, can't answer now; the same request may succeed later."""


class HttpNode(Generic[J, O]):
    """Worker at an address; no other server gets its token or the cases: redirects aren't followed."""

    batch = 16
    room = _ROOM

    def __init__(
        self,
        address: str,
        token: str | None,
        wire: Wire[J, O],
        *,
        judge: str,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.name, self._wire, self._judge, self._patience_s = address, wire, judge, patience_s
        self._client = httpx2.AsyncClient(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx2.Timeout(_SILENCE_S, connect=_CONNECT_S),
            limits=httpx2.Limits(max_connections=None),
            trust_env=False,
        )
        self._sent = set[str]()
        """Digests of cases that the worker has."""
        self._digests: dict[str, tuple[FunctionCase | ScriptCase, str]] = {}
        """Case and digest by id."""
        self.facts: WorkerFacts | None = None

    async def open(self) -> WorkerFacts:
        """Request the worker's facts; it probes its sandbox first. Raises NodeLost, UsageError."""
        for _ in range(_OPENING_TRIES - 1):
            try:
                return await self._request_facts()
            except WorkerBusy:  # as a proxy says while it doesn't reach the worker
                await asyncio.sleep(_PAUSE_S)
        return await self._request_facts()

    async def _request_facts(self) -> WorkerFacts:
        try:
            response = await self._client.get("/worker", timeout=httpx2.Timeout(60, connect=_CONNECT_S))
        except httpx2.TransportError as error:
            raise NodeLost(f"{self.name} can't be reached: {_text(error)}") from error
        except httpx2.HTTPError as error:  # such as a body that isn't as its Content-Encoding says
            raise WorkerBusy(f"{self.name} can't be read: {_text(error)}") from error
        self._check(response.status_code, response.text)
        try:
            self.facts = WorkerFacts.model_validate_json(response.content)
        except ValidationError as error:
            raise UsageError(
                f"{self.name} is no worker: `coder serve` of this version answers there."
            ) from error
        return self.facts

    async def work(
        self, jobs: Sequence[J], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, O | JobFailed]]:
        """Yield key, and outcome or error, of each job as it ends. Raises NodeLost."""
        sendable_jobs = list[J]()
        for job in jobs:
            try:
                self._size(job)
            except Exception as error:  # noqa: BLE001 - of this job: its answer, its kind or its size
                yield job.key, failed(error)
            else:
                sendable_jobs.append(job)
        for request, by_key in self._requests(sendable_jobs):
            remaining = by_key
            for _ in range(_MAX_SENDS):
                missing = set[str]()
                async for head, line in self._stream(request):
                    if head.missing:
                        missing.add(head.missing)
                    elif head.key in remaining:
                        yield head.key, self._decode(remaining.pop(head.key), line)
                if remaining and not missing:
                    raise NoAnswer(f"{self.name} ended its answer early.")
                if not remaining:
                    break
                self._sent -= missing
                ((request, remaining),) = self._requests([*remaining.values()])
            else:
                raise NodeLost(f"{self.name} doesn't keep the cases that it was sent.")

    def _decode(self, job: J, line: str) -> O | JobFailed:
        """Return the outcome in a line, or why it has none: then the job alone is repeated."""
        try:
            return self._wire.decode(job, WireLine.model_validate_json(line))
        except ValueError as error:
            return failed(NoAnswer(f"{self.name} sent no outcome: {_text(error)}"))

    async def is_back(self) -> bool:
        """Poll a lost worker until it answers; return False after `patience_s`, or if its facts changed."""
        facts, self._sent = self.facts, set()
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    try:
                        return await self._request_facts() == facts
                    except (NodeLost, UsageError):  # a proxy in front of it may answer by any status
                        await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _requests(self, jobs: Sequence[J]) -> list[tuple[WireRequest, dict[str, J]]]:
        """Divide jobs into requests of permitted size, each with the cases that the worker lacks."""
        requests = list[tuple[WireRequest, dict[str, J]]]()
        wire_jobs, by_key = list[WireJob](), dict[str, J]()
        cases, size = dict[str, FunctionCase | ScriptCase](), 0
        for job in jobs:
            case, wire_job, more = self._size(job)
            digest = wire_job.case
            if wire_jobs and size + more > _MAX_BODY:
                request = WireRequest(judge=self._judge, cases=cases, jobs=tuple(wire_jobs))
                requests.append((request, by_key))
                wire_jobs, cases, size, by_key = [], {}, 0, {}
            if digest not in self._sent:
                self._sent.add(digest)
                cases[digest] = case
            wire_jobs.append(wire_job)
            by_key[job.key] = job
            size += more
        if wire_jobs:
            requests.append((WireRequest(judge=self._judge, cases=cases, jobs=tuple(wire_jobs)), by_key))
        return requests

    def _size(self, job: J) -> tuple[FunctionCase | ScriptCase, WireJob, int]:
        """Return case and job, and their size in a request. Raises UsageError if no request may have it."""
        case, wire_job = self._encode(job)
        size = len(wire_job.text.encode()) + 256
        if wire_job.case not in self._sent:
            size += len(case.model_dump_json())
        if size > _MAX_BODY:
            raise UsageError(f"{case.id} and its answer have {size:,} bytes; a worker takes {_MAX_BODY:,}.")
        return case, wire_job, size

    def _encode(self, job: J) -> tuple[FunctionCase | ScriptCase, WireJob]:
        case, wire_job = self._wire.encode(job)
        cached_case, digest = self._digests.get(case.id, (None, ""))
        if cached_case is not case:
            digest = digest_of(case)
            self._digests[case.id] = case, digest
        return case, wire_job.model_copy(update={"case": digest, "text": sendable_text(wire_job.text)})

    async def _stream(self, request: WireRequest) -> AsyncIterator[tuple[WireHead, str]]:
        """Yield each line with its head. Raises NodeLost, NoAnswer."""
        content = request.model_dump_json(by_alias=True).encode()
        headers = {"Content-Type": "application/json"}
        try:
            async with self._client.stream("POST", "/jobs", content=content, headers=headers) as response:
                if response.status_code != 200:
                    self._check(response.status_code, (await response.aread()).decode(errors="replace"))
                async for text in response.aiter_lines():
                    if text:
                        yield WireHead.model_validate_json(text), text
        except ValidationError as error:
            raise NoAnswer(f"{self.name} sent no outcome: {_text(error)}") from error
        except (httpx2.HTTPError, httpx2.StreamError, UsageError) as error:
            raise NodeLost(f"{self.name} is lost: {_text(error)}") from error

    def _check(self, status: int, text: str) -> None:
        """Raise NodeLost, or UsageError, unless the status is 200."""
        if status == 200:
            return
        if status in _BUSY or status >= 500:
            raise WorkerBusy(f"{self.name} can't work now ({status}): {text[:300]}")
        if status in (401, 403):
            raise UsageError(
                f"{self.name} refuses this driver's token ({status}). Name one with the scope `run` in the "
                "file of --worker-tokens."
            )
        if status == 404:
            raise UsageError(
                f"{self.name} is no worker. Start `coder serve` of version {installed_version()} there."
            )
        raise NodeLost(f"{self.name} refuses jobs ({status}): {text[:500]}")


def _text(error: Exception) -> str:
    text = list_errors(error) if isinstance(error, ValidationError) else str(error)
    return f"{type(error).__name__} {text}".rstrip()
