"""Judge answers of models in training, wherever there is room: here, in processes or on other machines."""

import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from typing import Any

from benchmarks.executors.executor import Node, NodeLost
from benchmarks.executors.pool import InProcess, Pool
from benchmarks.executors.processes import ProcessNode
from benchmarks.rewards.answers import JudgedAnswer
from benchmarks.rewards.service import AnswerJob, ProgramJob, open_service
from benchmarks.runner.bench_session import default_workers
from benchmarks.suite import Case, Suite
from sandbox import Limits, Program, Result

CORES_PER_PROCESS = 4
"""Processors per process: an answer takes 2.5 ms CPU of it and 8 ms in sandboxes (`perf.rewards`)."""
_ROOM = 1 << 20
"""Jobs in flight per node: a service has its own slots, which slow answers leave."""
_AVERAGED = 32
"""Number of answers in the moving average of their time."""
RewardPool = Pool[AnswerJob | ProgramJob, JudgedAnswer | Result]


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

    async def run(self, program: Program, limits: Limits, stdin: bytes) -> Result:
        """Run one program beside the answers, in a fresh workspace. Raises SandboxBroken, NodeLost."""
        job = ProgramJob(program, limits, stdin, group=str(next(self._numbers)))
        async with aclosing(self._pool.map([job])) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome, Result)
                return outcome
        raise AssertionError("a map yields an outcome for each job")


def processes_here() -> int:
    """Return how many judging processes this machine can keep busy."""
    return max(1, default_workers() // (2 * CORES_PER_PROCESS))  # which has two for each processor


@asynccontextmanager
async def open_judging(
    suite: Suite,
    *,
    processes: int | None = None,
    **judging: Any,  # noqa: ANN401
) -> AsyncIterator[Judging]:
    """Open nodes that judge answers. Raises BackendMissing (several processes: later).

    Args:
        suite: suite whose cases set the longest limits; other cases may be judged, too.
        processes: number of processes; None takes as many as the machine can keep busy.
        judging: options of `open_judge`.
    """
    async with AsyncExitStack() as stack:
        nodes: list[Node[AnswerJob | ProgramJob, JudgedAnswer | Result]] = []
        if (count := processes or processes_here()) == 1:
            service = await stack.enter_async_context(open_service(suite, **judging))
            nodes.append(InProcess(service, _ROOM))
        else:
            opening = partial(open_service, suite, share=count, **judging)
            nodes += [ProcessNode(f"process {number}", opening, _ROOM) for number in range(1, count + 1)]
        yield Judging(await stack.enter_async_context(Pool(nodes, _give_up)))


def _give_up(job: AnswerJob | ProgramJob, error: NodeLost) -> JudgedAnswer:
    """Return what a lost node makes of an answer: the machine's fault. Raises NodeLost for a program."""
    if isinstance(job, ProgramJob):
        raise error
    return JudgedAnswer(
        number=job.number, verdict="infrastructure", strength="weaker", reward=None, detail=str(error)
    )
