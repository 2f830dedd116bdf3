"""Judge answers of models in training: in this process, in other processes or on other machines."""

import itertools
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.executors.executor import JobFailed, Node, NodeLost
from benchmarks.executors.facts import ProbeJob, WorkerFacts
from benchmarks.executors.pool import InProcess, NodePool, default_workers
from benchmarks.executors.processes import ProcessNode
from benchmarks.executors.wire import WireJob, WireLine, require_wire_case
from benchmarks.rewards.answers import JudgedAnswer
from benchmarks.rewards.service import (
    AnswerJob,
    ProgramJob,
    ServiceJob,
    ServiceOutcome,
    open_service,
)
from benchmarks.runner.sample_job import SampleJob, cause_of, detail_of, give_up
from benchmarks.runner.spreading import open_cluster, open_fleet
from benchmarks.suite import Case, FunctionCase, ScriptCase, Suite
from coder.base.errors import UsageError
from sandbox import Limits, Program, Result
from sandbox.errors import BackendMissing

_LOGGER = logging.getLogger("benchmarks")
CORES_PER_PROCESS = 4
"""Processors per process: an answer takes 2.5 ms CPU in it and 8 ms in sandboxes (`perf.rewards`)."""
_ROOM = 1 << 20
"""Maximum jobs in flight per node; practically unlimited, as a service has its own slots."""
_AVERAGED = 32
"""Number of answers in the moving average of their time."""
RewardPool = NodePool[ServiceJob, ServiceOutcome]


class Judging:
    """Judges answers in the nodes of a pool. All answers to a case go to one node while it is up."""

    def __init__(self, pool: RewardPool) -> None:
        self._pool, self._numbers = pool, itertools.count()
        self.slots = default_workers()
        """Number of concurrent answers in all nodes."""
        self.usual_s = 0.01
        """Average wall seconds of an answer."""

    async def judge(
        self, answers: Sequence[tuple[Case, str]], *, partial: bool = False, slow_s: float | None = None
    ) -> list[JudgedAnswer]:
        """Judge texts of models, and return results in their order (`AnswerJob` has the options)."""
        began = time.monotonic()
        jobs = [AnswerJob(at, case, text, partial, slow_s) for at, (case, text) in enumerate(answers)]
        numbered = dict[int, JudgedAnswer]()
        async with aclosing(self._pool.map(jobs)) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome, JudgedAnswer)
                numbered[outcome.number] = outcome
        usual_s = (time.monotonic() - began) * min(self.slots, len(jobs)) / max(1, len(jobs))
        self.usual_s += (usual_s - self.usual_s) * len(jobs) / (len(jobs) + _AVERAGED)
        return [numbered[at] for at in range(len(jobs))]

    async def run(self, program: Program, limits: Limits, stdin: bytes, files: Mapping[str, bytes]) -> Result:
        """Run one program in a fresh workspace with these files, concurrently with answers.

        Raises:
            SandboxBroken, NodeLost: the sandbox or its node stopped working.
            FileRefused: a path of `files` leaves the workspace, or there is no room for them.
        """
        job = ProgramJob(program, limits, stdin, group=str(next(self._numbers)), files=files)
        result = await self._do(job)
        assert isinstance(result, Result)
        return result

    async def facts(self) -> WorkerFacts:
        """Return the worker's facts. Raises BackendMissing, SandboxBroken if its sandbox fails its probe."""
        facts = await self._do(ProbeJob())
        assert isinstance(facts, WorkerFacts)
        return facts.model_copy(update={"slots": self.slots})

    def map(self, jobs: Iterable[ServiceJob]) -> AsyncGenerator[ServiceOutcome, None]:
        """Yield the outcome of each job as it ends."""
        return self._pool.map(jobs)

    async def _do(self, job: ServiceJob) -> ServiceOutcome:
        async with aclosing(self._pool.map([job])) as outcomes:
            return await anext(outcomes)


def processes_here() -> int:
    """Return how many judging processes this machine can keep busy."""
    return max(1, default_workers() // (2 * CORES_PER_PROCESS))  # which has two for each processor


@asynccontextmanager
async def open_judging(
    suite: Suite,
    *,
    processes: int | None = None,
    workers: Sequence[str] = (),
    worker_tokens: Path | None = None,
    ray: bool | str = False,
    **judging: Any,  # noqa: ANN401
) -> AsyncIterator[Judging]:
    """Open nodes that judge answers. Raises BackendMissing; with several processes, the first answer does.

    Args:
        suite: suite whose cases set the longest limits; other cases may be judged, too.
        processes: number of processes; None takes as many as the machine can keep busy.
        workers: addresses of `coder serve` that judge instead of this machine; they alone get the cases.
        worker_tokens: file with a line `ADDRESS TOKEN` for each worker.
        ray: address of a Ray cluster that judges; True uses the cluster to which this process is connected,
            or starts one on this machine.
        judging: options of `open_judge`.
    """
    async with AsyncExitStack() as stack:
        if workers:
            pool = await open_fleet(stack, workers, worker_tokens, AnswerWire(), _give_up)
            yield Judging(pool)
            return
        if ray:
            address = ray if isinstance(ray, str) else "local"
            pool = await open_cluster(stack, address, partial(open_service, suite, **judging), _give_up)
            yield Judging(pool)
            return
        nodes: list[Node[ServiceJob, ServiceOutcome]] = []
        if (count := processes or processes_here()) == 1:
            service = await stack.enter_async_context(open_service(suite, **judging))
            nodes.append(InProcess(service, _ROOM))
        else:
            opening = partial(open_service, suite, share=count, **judging)
            nodes += [ProcessNode(f"process {number}", opening, _ROOM) for number in range(1, count + 1)]
        yield Judging(await stack.enter_async_context(NodePool(nodes, _give_up)))


class AnswerWire:
    """Translates answers for workers over HTTP."""

    def encode(self, job: ServiceJob) -> tuple[FunctionCase | ScriptCase, WireJob]:
        """Return the case, and the job without it. Raises UsageError if a worker can't do the job."""
        if not isinstance(job, AnswerJob):
            raise UsageError("Workers of `workers` judge answers only; programs run on this machine.")
        wire_job = WireJob(kind="answer", key=job.key, text=job.text, partial=job.partial, slow_s=job.slow_s)
        return require_wire_case(job.case), wire_job

    def decode(self, job: ServiceJob, line: WireLine) -> ServiceOutcome:
        """Return the result of an answer. Raises ValueError if the line has none."""
        assert isinstance(job, AnswerJob)
        return JudgedAnswer.model_validate({**(line.answer or {}), "number": job.number})


def _give_up(job: ServiceJob, failure: JobFailed) -> ServiceOutcome:
    """Return `infrastructure` for an answer that can't be judged; its traceback goes to the log.

    Raises the error of a program or probe, and that no sandbox can be opened here.
    """
    error = cause_of(failure.error)
    if isinstance(error, BackendMissing) or not isinstance(job, AnswerJob | SampleJob):
        raise error
    if not isinstance(error, NodeLost):
        _LOGGER.error("An answer to %r couldn't be judged:\n%s", job.case.id, failure.trace)
    if isinstance(job, SampleJob):
        return give_up(job, failure)
    return JudgedAnswer(
        number=job.number,
        verdict="infrastructure",
        strength="weaker",
        reward=None,
        detail=detail_of(failure.error),
    )
