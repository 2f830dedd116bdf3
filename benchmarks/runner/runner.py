"""Run a benchmark: attempt, judge and log samples concurrently; a run can be resumed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from benchmarks.judge.judge import Judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchJudged, RunLog
from benchmarks.suite import Case
from benchmarks.verdict import Evidence
from coder.base.errors import MachineError, ModelError

MAX_FAILURES = 5
"""Number of consecutive failed attempts (model or machine) that end the run; it can be resumed."""


@dataclass(frozen=True, slots=True)
class SampleJob:
    """Sample to attempt and judge."""

    case: Case
    sample: int
    attempt: Callable[[], Awaitable[CaseAttempt]]
    keeps_text: bool = True
    """Whether the log stores the answer, because no other file has the answer."""


async def run_jobs(
    jobs: Iterable[SampleJob],
    judge: Judge,
    log: RunLog,
    *,
    workers: int,
    max_cost_usd: float | None = None,
    on_judged: Callable[[BenchJudged], None] = lambda judged: None,
) -> str:
    """Do the remaining jobs; jobs whose samples are in the log are skipped.

    Returns:
        Why the run ended: `done`, or `cost` if the remainder of `max_cost_usd` doesn't cover a call.

    Raises:
        ModelError, MachineError: too many attempts in a row failed, or all of them did.
    """
    done = {(verdict.id, verdict.sample) for verdict in log.verdicts}
    pending = (job for job in jobs if (job.case.id, job.sample) not in done)
    failures: list[
        tuple[SampleJob, CaseAttempt]
    ] = []  # judged as empty answers once another attempt succeeds
    reason, has_answer = "done", bool(done)

    async def work() -> None:
        nonlocal reason, has_answer
        for job in pending:  # the iterator is shared: each worker takes the next job
            if max_cost_usd is not None and sum(usage.cost_usd or 0.0 for usage in log.usage) >= max_cost_usd:
                reason = "cost"
                return
            attempt = await job.attempt()
            if attempt.unpaid:
                reason = "cost"
                return
            if not attempt.exit_code:
                has_answer = True
                slow = asyncio.Event()
                judge_task = group.create_task(judge_attempts((job, attempt), on_slow=slow.set))
                slow_task = asyncio.ensure_future(slow.wait())
                await asyncio.wait([judge_task, slow_task], return_when=asyncio.FIRST_COMPLETED)
                slow_task.cancel()  # what takes long is judged beside the next answers
                continue
            failures.append((job, attempt))
            if len(failures) >= MAX_FAILURES:
                _raise_fault(attempt, f"{MAX_FAILURES} attempts in a row failed. The last one: ")

    async def judge_attempts(
        *attempts: tuple[SampleJob, CaseAttempt], on_slow: Callable[[], None] = lambda: None
    ) -> None:
        due_attempts = [*failures, *attempts]
        failures.clear()
        for job, attempt in due_attempts:
            judged = await _judge_attempt(job, attempt, judge, on_slow)
            await log.judge(judged)
            on_judged(judged)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        if not has_answer:
            _require_answer(failures)
        await judge_attempts()
    except BaseExceptionGroup as errors:  # all workers do the same: the first error suffices
        raise errors.exceptions[0] from None
    finally:
        await asyncio.shield(log.flush())
    return reason


def _require_answer(failures: list[tuple[SampleJob, CaseAttempt]]) -> None:
    """Raise an error if the model gave no answer at all, because there is no score then."""
    if failures:
        summary = f"All {len(failures)} attempts failed. The last one: " if len(failures) > 1 else ""
        _raise_fault(failures[-1][1], summary)


def _raise_fault(attempt: CaseAttempt, text: str) -> NoReturn:
    kind = ModelError if attempt.exit_code == ModelError.exit_code else MachineError
    raise kind(f"{text}{attempt.error}")


async def _judge_attempt(
    job: SampleJob, attempt: CaseAttempt, judge: Judge, on_slow: Callable[[], None]
) -> BenchJudged:
    evidence: list[Evidence] = []
    verdict = await judge.judge(
        job.case,
        attempt.text,
        sample=job.sample,
        on_slow=on_slow,
        judged=attempt.judged,
        on_evidence=evidence.append,
    )
    if attempt.error is not None:
        verdict = verdict.model_copy(update={"detail": f"no answer: {attempt.error}"[:500]})
    return BenchJudged(
        verdict=verdict,
        usage=attempt.usage,
        run_id=attempt.run_id,
        text=attempt.text if job.keeps_text else None,
        evidence=evidence[-1],
    )
