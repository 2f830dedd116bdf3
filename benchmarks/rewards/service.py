"""Judge answers of models in training concurrently, in sandboxes that stay open.

Verdicts are the judge's own (`benchmarks.judge`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.executors.facts import ProbeJob, WorkerFacts
from benchmarks.executors.pool import default_workers
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.rewards.answers import JudgedAnswer, split_tests
from benchmarks.runner.sample_job import BenchWorker, SampleJob, SampleOutcome
from benchmarks.suite import Case, Suite
from benchmarks.suites.extract import code_of
from benchmarks.verdict import Verdict
from sandbox import Limits, Program, Result

_MAX_TEST_S = 1.0
"""Wall time limit of each test when tests of a failed answer are counted."""
_MAX_CASES = 4096
"""Remember at most this many cases."""


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """Text of a model to judge; the case's id identifies the case."""

    number: int
    case: Case
    text: str
    partial: bool = False
    """Count passed tests, and reward a failed answer by their share."""
    slow_s: float | None = None
    """CPU limit in seconds, if below the case's; at least four times the time of the case's own answer."""
    max_tries: int = 3

    @property
    def key(self) -> str:
        """Number of the answer in its request."""
        return str(self.number)

    @property
    def group(self) -> str:
        """Id of the case, whose cached plan serves all answers."""
        return self.case.id


@dataclass(frozen=True, slots=True)
class ProgramJob:
    """Program to run in a fresh workspace; only once, since it may have unknown side effects."""

    program: Program
    limits: Limits
    stdin: bytes
    group: str
    files: Mapping[str, bytes]
    key: str = "program"
    max_tries: int = 1


ServiceJob = AnswerJob | ProgramJob | SampleJob | ProbeJob
ServiceOutcome = JudgedAnswer | Result | SampleOutcome | WorkerFacts


class JudgingService:
    """Judges answers of models in training: a worker. Create it with `open_service`."""

    def __init__(self, judge: Judge, slots: int) -> None:
        self._judge, self._bench = judge, BenchWorker(judge)
        self._programs = asyncio.Semaphore(max(1, slots // 2))
        self._ids = set[str]()
        self._tests: dict[str, Sequence[Case]] = {}
        """Single tests to count, by case."""

    async def do(self, job: ServiceJob, on_slow: Callable[[], None]) -> ServiceOutcome:
        """Do a job: judge an answer or a sample, run a program, or return the worker's facts.

        Raises:
            BackendMissing, SandboxBroken: the sandbox can't be opened, or breaks while a program runs.
        """
        if isinstance(job, ProbeJob):
            return await self._bench.do(job, on_slow)
        if isinstance(job, ProgramJob):
            async with self._programs:
                sandbox = (await self._judge.sandboxes()).candidate
                return await sandbox.run(
                    job.program, limits=job.limits, stdin=job.stdin, fresh=True, files=job.files
                )
        self._ids.add(job.case.id)
        if len(self._ids) > _MAX_CASES:
            self._ids.clear()
            self._tests.clear()
            self._judge.forget()
        if isinstance(job, SampleJob):
            return await self._bench.do(job, on_slow)
        return await self._judge_answer(job, on_slow)

    async def _judge_answer(self, job: "AnswerJob", on_slow: Callable[[], None]) -> JudgedAnswer:
        case, code = job.case, await asyncio.to_thread(code_of, job.case, job.text)
        if job.slow_s is not None:
            min_s = self._judge.tries.first_s(case, (await self._judge.plan(case)).own_s)
            case = case.model_copy(update={"timeout_s": min(case.timeout_s, max(job.slow_s, min_s))})
        verdict = await self._judge.judge(case, code, on_slow=on_slow)
        passed, tests = None, None
        reward = None if verdict.verdict == "infrastructure" else float(verdict.verdict == "passed")
        if job.partial and reward is not None:
            passed, tests = await self._count(case, code, verdict)
            reward = passed / tests
        fields = verdict.model_dump(include={"verdict", "strength", "cpu_s", "detail"})
        return JudgedAnswer(**fields, number=job.number, reward=reward, tests_passed=passed, tests=tests)

    async def _count(self, case: Case, code: str, verdict: Verdict) -> tuple[int, int]:
        """Return numbers of passed and all tests; all count as one test if the case's own answer fails."""
        tests = self._tests.get(case.id)
        if tests is None:
            canonical_answer, tests = (await self._judge.plan(case)).good, split_tests(case)
            if canonical_answer is not None and await self._count_passed(tests, canonical_answer) < len(
                tests
            ):
                tests = [case]
            self._tests[case.id] = tests
        if verdict.verdict not in ("failed", "error") or verdict.stateful or len(tests) == 1:
            return len(tests) * (verdict.verdict == "passed"), len(tests)
        return min(await self._count_passed(tests, code), len(tests) - 1), len(tests)

    async def _count_passed(self, tests: Sequence[Case], code: str) -> int:
        limited_tests = [
            test.model_copy(update={"wall_s": min(_MAX_TEST_S, test.longest_s)}) for test in tests
        ]
        verdicts = [await self._judge.judge(test, code, retry=False) for test in limited_tests]
        return sum(verdict.verdict == "passed" for verdict in verdicts)


@contextlib.asynccontextmanager
async def open_service(
    suite: Suite,
    *,
    share: int = 1,
    **judging: Any,  # noqa: ANN401
) -> AsyncIterator[JudgingService]:
    """Open a service while the context is open. Raises BackendMissing.

    Args:
        suite: suite whose cases set the longest limits; other cases may be judged, too.
        share: number of services that share the processors.
        judging: options of `open_judge`.
    """
    slots = max(2, default_workers() // share)
    async with open_judge(suite, slots=slots, **judging) as judge:
        yield JudgingService(judge, slots)
