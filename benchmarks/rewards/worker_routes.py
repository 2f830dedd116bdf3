"""Routes of `coder serve` as a worker of a driver on another machine: `GET /worker`, `POST /jobs`."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from benchmarks.executors.facts import WorkerFacts
from benchmarks.executors.wire import HEARTBEAT_S, MAX_CPU_S, WireJob, WireLine, WireRequest, digest_of
from benchmarks.judge.digest import judge_digest
from benchmarks.rewards.answers import JudgedAnswer
from benchmarks.rewards.judging import Judging
from benchmarks.rewards.service import AnswerJob
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.sample_job import SampleJob, SampleOutcome
from benchmarks.suite import FunctionCase, ScriptCase
from coder.base.errors import UsageError
from coder.engine.requests import check_text

_MAX_CASES = 4096
_MAX_BYTES = 256 << 20
"""Maximum size of the kept cases of drivers together, in bytes of JSON."""


class WorkerCases:
    """Cases that drivers have sent, by digest; the least recently used ones are forgotten."""

    def __init__(self, most_bytes: int = _MAX_BYTES) -> None:
        self._cases: OrderedDict[str, FunctionCase | ScriptCase] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._most_bytes = most_bytes

    def add(self, case: FunctionCase | ScriptCase) -> None:
        """Keep a case. Raises UsageError if its time limit exceeds a worker's maximum."""
        if case.timeout_s > MAX_CPU_S:
            raise UsageError(
                f"{case.id} has {case.timeout_s:g} CPU seconds, and a worker takes at most {MAX_CPU_S:g}."
            )
        digest = digest_of(case)
        self._cases[digest], self._sizes[digest] = case, len(case.model_dump_json(by_alias=True))
        while len(self._cases) > _MAX_CASES or sum(self._sizes.values()) > self._most_bytes:
            del self._sizes[self._cases.popitem(last=False)[0]]

    def get(self, digest: str) -> FunctionCase | ScriptCase | None:
        """Return a case with its digest as id, since suites may share ids; None if it is unknown."""
        if (case := self._cases.get(digest)) is None:
            return None
        self._cases.move_to_end(digest)
        return case.model_copy(update={"id": digest})


def add_worker_routes(router: APIRouter, judging: Callable[[], Awaitable[Judging]]) -> None:
    """Add the routes of a worker; `judging` opens its service with the first request."""
    cases = WorkerCases()

    @router.get("/worker")
    async def worker() -> WorkerFacts:
        """Say which judge and sandbox this worker has; the sandbox is probed first."""
        return await (await judging()).facts()

    @router.post("/jobs", response_class=StreamingResponse)
    async def do_jobs(request: WireRequest) -> StreamingResponse:
        """Judge answers for a driver; a line of JSON for each, as they end, and empty ones between."""
        if request.judge != judge_digest():
            raise UsageError(
                f"This worker's judge is {judge_digest()[:12]}, and the driver's {request.judge[:12]}. "
                "Install the same version on both."
            )
        for case in request.cases.values():
            check_text(case.model_dump())
            cases.add(case)
        service = await judging()
        return StreamingResponse(_lines(service, request.jobs, cases), media_type="application/x-ndjson")


async def _lines(service: Judging, wire_jobs: Sequence[WireJob], cases: WorkerCases) -> AsyncIterator[str]:
    jobs = list[SampleJob | AnswerJob]()
    keys = dict[str, str]()
    for number, wire_job in enumerate(wire_jobs):
        if (case := cases.get(wire_job.case)) is None:
            yield WireLine(missing=wire_job.case).model_dump_json(exclude_defaults=True) + "\n"
            continue
        if wire_job.kind == "sample":
            job: SampleJob | AnswerJob = SampleJob(
                case, number, CaseAttempt(text=wire_job.text), keeps_text=False
            )
        else:
            job = AnswerJob(number, case, wire_job.text, wire_job.partial, wire_job.slow_s)
        keys[str(number)] = wire_job.key
        jobs.append(job)
    async with aclosing(service.map(jobs)) as outcomes:
        pending = asyncio.ensure_future(anext(outcomes, None))
        try:
            while True:
                done, _ = await asyncio.wait([pending], timeout=HEARTBEAT_S)
                if not done:
                    yield "\n"
                    continue
                if (outcome := pending.result()) is None:
                    return
                yield _line(outcome, keys).model_dump_json(exclude_defaults=True) + "\n"
                pending = asyncio.ensure_future(anext(outcomes, None))
        finally:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)


def _line(outcome: object, keys: dict[str, str]) -> WireLine:
    if isinstance(outcome, SampleOutcome):
        return WireLine(key=keys[str(outcome.sample)], verdict=outcome.verdict, evidence=outcome.evidence)
    assert isinstance(outcome, JudgedAnswer)
    return WireLine(key=keys[str(outcome.number)], answer=outcome.model_dump(mode="json"))
