"""Define the job of a benchmark, a sample to answer and judge, and the worker that does it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Literal, overload

from benchmarks.executors.executor import JobFailed, NodeLost
from benchmarks.executors.facts import ProbeJob, WorkerFacts, installed_version
from benchmarks.executors.pool import InProcess, NodePool, default_workers
from benchmarks.executors.wire import WireJob, WireLine, require_wire_case
from benchmarks.judge.digest import judge_digest
from benchmarks.judge.judge import Judge
from benchmarks.judge.verdicts import MAX_DETAIL
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.suite import Case, FunctionCase, ScriptCase
from benchmarks.verdict import Evidence, Verdict
from coder.base.errors import CoderError, UsageError
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import one_line
from coder.show.failure import MACHINE_ERRORS
from sandbox.errors import SandboxError

SamplePool = NodePool["SampleJob", "SampleOutcome"]
Step = Literal["reading the answer", "answering", "judging"]
"""Step of one sample, as a report names it."""


@dataclass(frozen=True, slots=True)
class SampleJob:
    """Sample to answer, if there is no answer yet, and to judge."""

    case: Case
    sample: int
    answer: CaseAttempt | None = None
    """None: the worker answers."""
    keeps_text: bool = True
    """Whether the log stores the answer, because no other file has the answer."""
    fault: Exception | None = None
    """Error of reading the answer, which the worker raises."""
    max_tries: int = 3

    @property
    def key(self) -> str:
        """Case and number of the sample."""
        return f"{self.case.id}\0{self.sample}"

    @property
    def group(self) -> str:
        """Id of the case, whose cached plan serves all samples."""
        return self.case.id

    @property
    def required_answer(self) -> CaseAttempt | None:
        """The answer, if there is one. Raises SampleStepFailed if it can't be read."""
        if self.fault is not None:
            with step_of_sample("reading the answer"):
                raise self.fault
        return self.answer


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """Outcome of a sample: its attempt and verdict."""

    case: Case
    sample: int
    attempt: CaseAttempt
    verdict: Verdict | None
    """None if the attempt failed, or the budget of all attempts ended it."""
    evidence: Evidence = field(default_factory=Evidence)
    keeps_text: bool = True
    fault: Exception | None = None
    """Error that other samples may meet, too: if several in a row do, the run ends."""


class SampleStepFailed(Exception):
    """A step of one sample raised an error, such as its judging."""

    def __init__(self, step: Step, error: Exception, attempt: CaseAttempt) -> None:
        """Take the step's name, its error, and the attempt before it, whose cost counts."""
        super().__init__(step, error, attempt)
        self.step, self.error, self.attempt = step, error, attempt


@contextmanager
def step_of_sample(step: Step, attempt: CaseAttempt | None = None) -> Iterator[None]:
    """Name the step of a sample that fails, and keep its attempt. Raises SampleStepFailed."""
    try:
        yield
    except Exception as error:
        raise SampleStepFailed(step, error, attempt or CaseAttempt()) from error


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
        """Answer and judge a sample, or return facts. A failed attempt is returned without a verdict, and a
        case that can't be judged isn't answered.

        Raises:
            SampleStepFailed: a step of the sample raised an error.
            BackendMissing, SandboxBroken: the sandbox doesn't open, or fails its probe.
        """
        if isinstance(job, ProbeJob):
            level = (await self._judge.sandboxes()).candidate.backend
            return WorkerFacts(
                version=installed_version(), judge=judge_digest(), level=level, slots=default_workers()
            )
        attempt = job.required_answer
        if attempt is None and not await self._is_judged(job.case):
            attempt = CaseAttempt()
        if attempt is None:
            assert self._answering is not None
            with step_of_sample("answering"):
                attempt = await self._answering(job.case, job.sample)
            if attempt.cut or attempt.exit_code:
                return SampleOutcome(job.case, job.sample, attempt, None)
        evidence: list[Evidence] = []
        with step_of_sample("judging", attempt):
            verdict = await self._judge.judge(
                job.case,
                attempt.text,
                sample=job.sample,
                on_slow=on_slow,
                judged=attempt.judged,
                on_evidence=evidence.append,
            )
        return outcome_of(job, attempt, verdict, evidence[-1])

    async def _is_judged(self, case: Case) -> bool:
        """Whether answers to a case can be judged: if not, no model is asked for one."""
        with step_of_sample("judging"):
            return (await self._judge.plan(case)).strength is not None


def outcome_of(job: SampleJob, attempt: CaseAttempt, verdict: Verdict, evidence: Evidence) -> SampleOutcome:
    """Return the outcome of a judged attempt; a failed attempt's reason is its detail."""
    if attempt.error is not None and verdict.verdict != "infrastructure":
        verdict = verdict.model_copy(update={"detail": f"no answer: {attempt.error}"[:500]})
    return SampleOutcome(job.case, job.sample, attempt, verdict, evidence, job.keeps_text)


@asynccontextmanager
async def on_this_machine(
    judge: Judge, workers: int, answering: Answering | None = None
) -> AsyncIterator[SamplePool]:
    """Open the executor that answers and judges samples in this process, `workers` at once."""
    async with NodePool([InProcess(BenchWorker(judge, answering), workers)], give_up) as pool:
        yield pool


def give_up(
    job: SampleJob, failure: JobFailed, *, attempts: MutableMapping[str, CaseAttempt] | None = None
) -> SampleOutcome:
    """Return the outcome of a sample that can't be judged: `infrastructure`, with the step and the error.

    Args:
        attempts: attempts by key of jobs without an answer.
    """
    attempt = (attempts or {}).pop(job.key, None) or job.answer or CaseAttempt()
    step = None
    if isinstance(failure.error, SampleStepFailed):
        step, attempt = failure.error.step, failure.error.attempt
    verdict = Verdict(
        id=job.case.id,
        sample=job.sample,
        verdict="infrastructure",
        strength="weaker",
        detail=detail_of(failure.error),
    )
    error = cause_of(failure.error)
    # A bug that an answer triggers, its form or a lost worker says nothing of other samples.
    is_own = step != "answering" and (_is_bug(error) or isinstance(error, UsageError | NodeLost))
    return SampleOutcome(
        job.case,
        job.sample,
        attempt,
        verdict,
        Evidence(fault=Redactor.from_environment().redact(failure.trace) if _is_bug(error) else ""),
        keeps_text=job.keeps_text,
        fault=None if is_own else error,
    )


def cause_of(error: Exception) -> Exception:
    """Return the error that a step raised."""
    return error.error if isinstance(error, SampleStepFailed) else error


def detail_of(error: Exception) -> str:
    """Return the detail of a verdict for a sample that can't be judged: the step, and the error's text."""
    cause = cause_of(error)
    text = f"a bug in coder: {type(cause).__name__}: {cause}" if _is_bug(cause) else str(cause)
    text = f"{error.step}: {text}" if isinstance(error, SampleStepFailed) else text
    redact = Redactor.from_environment().redact  # the error may quote its input
    return one_line(redact(text), width=MAX_DETAIL)


def _is_bug(error: Exception) -> bool:
    """Whether an error is none of those by which coder or the system says what is wrong around it."""
    if isinstance(error, OSError):
        return error.errno not in MACHINE_ERRORS
    return not isinstance(error, CoderError | SandboxError)


class SampleWire:
    """Translates samples that have an answer for workers over HTTP."""

    def encode(self, job: SampleJob) -> tuple[FunctionCase | ScriptCase, WireJob]:
        """Return the case, and the job without it. Raises UsageError if a worker can't judge the case."""
        case, answer = require_wire_case(job.case), job.required_answer
        assert answer is not None
        return case, WireJob(kind="sample", key=job.key, text=answer.text)

    def decode(self, job: SampleJob, line: WireLine) -> SampleOutcome:
        """Return the outcome of a sample. Raises ValueError if the line has no verdict."""
        if line.verdict is None:
            raise ValueError("a line without a verdict")
        verdict = line.verdict.model_copy(update={"id": job.case.id, "sample": job.sample})
        return outcome_of(job, job.answer or CaseAttempt(), verdict, line.evidence)
