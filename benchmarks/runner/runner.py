"""Run a benchmark: attempt, judge and log samples concurrently; resumable."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from benchmarks.judge.judge import Judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchJudged, RunLog
from benchmarks.suite import Case
from coder.base.errors import MachineError, ModelError

IN_A_ROW = 5
"""Consecutive failed attempts (model or machine) that end the run, to be resumed."""


@dataclass(frozen=True, slots=True)
class SampleJob:
    """One sample to attempt and judge."""

    case: Case
    sample: int
    attempt: Callable[[], Awaitable[CaseAttempt]]
    keeps_text: bool = True
    """The log stores the answer: no other file has it."""


async def run_jobs(
    jobs: Iterable[SampleJob],
    judge: Judge,
    log: RunLog,
    *,
    workers: int,
    max_cost_usd: float | None = None,
    on_judged: Callable[[BenchJudged], None] = lambda judged: None,
) -> str:
    """Do the remaining jobs; those in the log are skipped.

    Returns:
        Why it ended: `done`, or `cost`: the rest of `max_cost_usd` doesn't cover a call.

    Raises:
        ModelError, MachineError: too many attempts in a row failed, or all of them did.
    """
    done = {(verdict.id, verdict.sample) for verdict in log.verdicts}
    waiting = (job for job in jobs if (job.case.id, job.sample) not in done)
    spoilt: list[tuple[SampleJob, CaseAttempt]] = []  # judged as empty answers once another attempt succeeds
    reason, went_well = "done", bool(done)

    async def work() -> None:
        nonlocal reason, went_well
        for job in waiting:  # shared iterator: each worker takes the next job
            if max_cost_usd is not None and sum(usage.cost_usd or 0.0 for usage in log.usage) >= max_cost_usd:
                reason = "cost"
                return
            attempt = await job.attempt()
            if attempt.unpaid:
                reason = "cost"
                return
            if not attempt.exit_code:
                went_well = True
                slow = asyncio.Event()
                kept = group.create_task(keep((job, attempt), on_slow=slow.set))
                passing = asyncio.ensure_future(slow.wait())
                await asyncio.wait([kept, passing], return_when=asyncio.FIRST_COMPLETED)
                passing.cancel()  # what takes long is judged beside the next answers
                continue
            spoilt.append((job, attempt))
            if len(spoilt) >= IN_A_ROW:
                _raise_fault(attempt, f"{IN_A_ROW} attempts in a row failed. The last one: ")

    async def keep(*fresh: tuple[SampleJob, CaseAttempt], on_slow: Callable[[], None] = lambda: None) -> None:
        held = [*spoilt, *fresh]
        spoilt.clear()
        for job, attempt in held:
            judged = await _judged(job, attempt, judge, on_slow)
            await log.judge(judged)
            on_judged(judged)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        if not went_well:
            _refuse_all(spoilt)
        await keep()
    except BaseExceptionGroup as errors:  # all workers do the same: the first error suffices
        raise errors.exceptions[0] from None
    finally:
        await asyncio.shield(log.flush())
    return reason


def _refuse_all(spoilt: list[tuple[SampleJob, CaseAttempt]]) -> None:
    """Raise if the model answered nothing at all: that gives no score."""
    if spoilt:
        every = f"All {len(spoilt)} attempts failed. The last one: " if len(spoilt) > 1 else ""
        _raise_fault(spoilt[-1][1], every)


def _raise_fault(attempt: CaseAttempt, text: str) -> NoReturn:
    kind = ModelError if attempt.exit_code == ModelError.exit_code else MachineError
    raise kind(f"{text}{attempt.error}")


async def _judged(
    job: SampleJob, attempt: CaseAttempt, judge: Judge, on_slow: Callable[[], None]
) -> BenchJudged:
    verdict = await judge.judge(job.case, attempt.text, sample=job.sample, on_slow=on_slow)
    if attempt.error is not None:
        verdict = verdict.model_copy(update={"detail": f"no answer: {attempt.error}"[:500]})
    return BenchJudged(
        verdict=verdict,
        usage=attempt.usage,
        run_id=attempt.run_id,
        text=attempt.text if job.keeps_text else None,
    )
