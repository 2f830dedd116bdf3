"""Define the job of a benchmark, a sample to answer and judge, and the worker that does it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import overload

from benchmarks.executors.executor import NodeLost
from benchmarks.executors.facts import ProbeJob, WorkerFacts, installed_version
from benchmarks.executors.pool import InProcess, NodePool, default_workers
from benchmarks.executors.wire import WireJob, WireLine, require_wire_case
from benchmarks.judge.digest import judge_digest
from benchmarks.judge.judge import Judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.suite import Case, FunctionCase, ScriptCase
from benchmarks.verdict import Evidence, Verdict

SamplePool = NodePool["SampleJob", "SampleOutcome"]


@dataclass(frozen=True, slots=True)
class SampleJob:
    """Sample to answer, if there is no answer yet, and to judge."""

    case: Case
    sample: int
    answer: CaseAttempt | None = None
    """None: the worker answers."""
    keeps_text: bool = True
    """Whether the log stores the answer, because no other file has the answer."""
    max_tries: int = 3

    @property
    def key(self) -> str:
        """Case and number of the sample."""
        return f"{self.case.id}\0{self.sample}"

    @property
    def group(self) -> str:
        """Id of the case, whose cached plan serves all samples."""
        return self.case.id


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """Outcome of a sample: its attempt and verdict."""

    case: Case
    sample: int
    attempt: CaseAttempt
    verdict: Verdict | None
    """None if the attempt failed, or wasn't made because the budget didn't cover it."""
    evidence: Evidence = field(default_factory=Evidence)
    keeps_text: bool = True


Answering = Callable[[Case, int], Awaitable[CaseAttempt]]
"""Answers a sample of a case."""


class BenchWorker:
    """Worker that answers and judges samples."""

    def __init__(self, judge: Judge, answering: Answering | None = None) -> None:
        self._judge, self._answering = judge, answering

    @overload
    async def do(self, job: SampleJob, on_slow: Callable[[], None]) -> SampleOutcome: ...

    @overload
    async def do(self, job: ProbeJob, on_slow: Callable[[], None]) -> WorkerFacts: ...

    async def do(self, job: SampleJob | ProbeJob, on_slow: Callable[[], None]) -> SampleOutcome | WorkerFacts:
        """Answer and judge a sample, or return facts. A failed attempt is returned without a verdict.

        Raises:
            BackendMissing, SandboxBroken: the sandbox doesn't open, or fails its probe.
        """
        if isinstance(job, ProbeJob):
            level = (await self._judge.sandboxes()).candidate.backend
            return WorkerFacts(
                version=installed_version(), judge=judge_digest(), level=level, slots=default_workers()
            )
        attempt = job.answer
        if attempt is None:
            assert self._answering is not None
            attempt = await self._answering(job.case, job.sample)
            if attempt.unpaid or attempt.exit_code:
                return SampleOutcome(job.case, job.sample, attempt, None)
        evidence: list[Evidence] = []
        verdict = await self._judge.judge(
            job.case,
            attempt.text,
            sample=job.sample,
            on_slow=on_slow,
            judged=attempt.judged,
            on_evidence=evidence.append,
        )
        return outcome_of(job, attempt, verdict, evidence[-1])


def outcome_of(job: SampleJob, attempt: CaseAttempt, verdict: Verdict, evidence: Evidence) -> SampleOutcome:
    """Return the outcome of a judged attempt; a failed attempt's reason is its detail."""
    if attempt.error is not None:
        verdict = verdict.model_copy(update={"detail": f"no answer: {attempt.error}"[:500]})
    return SampleOutcome(job.case, job.sample, attempt, verdict, evidence, job.keeps_text)


@asynccontextmanager
async def on_this_machine(
    judge: Judge, workers: int, answering: Answering | None = None
) -> AsyncIterator[SamplePool]:
    """Open the executor that answers and judges samples in this process, `workers` at once."""
    async with NodePool([InProcess(BenchWorker(judge, answering), workers)], give_up) as pool:
        yield pool


def give_up(job: SampleJob, error: NodeLost) -> SampleOutcome:
    """Return the outcome of a sample whose nodes were lost one after another: `infrastructure`."""
    verdict = Verdict(
        id=job.case.id,
        sample=job.sample,
        verdict="infrastructure",
        strength="weaker",
        detail=str(error)[:500],
    )
    return SampleOutcome(
        job.case, job.sample, job.answer or CaseAttempt(), verdict, keeps_text=job.keeps_text
    )


class SampleWire:
    """Translates samples that have an answer for workers over HTTP."""

    def encode(self, job: SampleJob) -> tuple[FunctionCase | ScriptCase, WireJob]:
        """Return the case, and the job without it. Raises UsageError if a worker can't judge the case."""
        case = require_wire_case(job.case)
        assert job.answer is not None
        return case, WireJob(kind="sample", key=job.key, text=job.answer.text)

    def decode(self, job: SampleJob, line: WireLine) -> SampleOutcome:
        """Return the outcome of a sample."""
        assert line.verdict is not None
        verdict = line.verdict.model_copy(update={"id": job.case.id, "sample": job.sample})
        return outcome_of(job, job.answer or CaseAttempt(), verdict, line.evidence)
