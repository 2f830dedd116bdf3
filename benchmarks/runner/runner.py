"""Run a benchmark: attempts are made, judged and written down, some at a time; it can be gone on with."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from benchmarks.judge.judge import Judge
from benchmarks.report import Usage
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchJudged, RunLog
from benchmarks.suite import Case
from benchmarks.verdict import Verdict
from coder.errors import MachineError, ModelError

IN_A_ROW = 5
"""Attempts that the model or the machine spoils one after the other, before the run ends, to be resumed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One sample that is to be had and judged."""

    case: Case
    sample: int
    attempt: Callable[[], Awaitable[CaseAttempt]]
    audited: bool = False
    """An answer that passed is looked at again."""
    keeps_text: bool = True
    """The log keeps the answer: it stands nowhere else."""


@dataclass(slots=True)
class Spent:
    """What attempts cost so far, over all starts of a run."""

    cost_usd: float = 0.0
    unknown: bool = False
    """The price of some attempt isn't known."""

    def add(self, usage: Usage | None) -> None:
        """One more sample."""
        if usage is None:
            return
        self.cost_usd += usage.cost_usd or 0.0
        self.unknown = self.unknown or (usage.cost_usd is None and usage.calls > 0)


async def run_jobs(
    jobs: Iterable[Job],
    judge: Judge,
    log: RunLog,
    *,
    workers: int,
    max_cost_usd: float | None = None,
    on_judged: Callable[[BenchJudged], None] = lambda judged: None,
) -> str:
    """Do what is left of the jobs; those that the log has are passed over.

    Args:
        jobs: taken one by one, as workers come free: there may be any number of them.
        max_cost_usd: of the whole run; no attempt begins once it is spent, or had no room for a call.
        on_judged: called with each sample that is judged now.

    Raises:
        ModelError, MachineError: too many attempts in a row failed, or all of them did.

    Returns:
        Why it ended: `done`, or `cost`.
    """
    done = {(one.id, one.sample) for one in log.verdicts}
    spent = Spent()
    for usage in log.usage:
        spent.add(usage)
    waiting = (job for job in jobs if (job.case.id, job.sample) not in done)
    reason = "done"
    faults = _Faults()

    async def work() -> None:
        nonlocal reason
        for job in waiting:  # one iterator for all: each takes the next job
            if max_cost_usd is not None and spent.cost_usd >= max_cost_usd:
                reason = "cost"
                return
            attempt = await job.attempt()
            if attempt.unpaid:
                reason = "cost"
                return
            if faults.hold_back(job, attempt):
                continue
            for held, faulty in faults.release():
                await keep(held, faulty)
            await keep(job, attempt)

    async def keep(job: Job, attempt: CaseAttempt) -> None:
        judged = await _judged(job, attempt, judge)
        spent.add(judged.usage)
        await log.judge(judged)
        on_judged(judged)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        faults.see_that_some_went_well(bool(done))
        for held, faulty in faults.release():
            await keep(held, faulty)
    except BaseExceptionGroup as errors:  # the workers do the same: the first says what is wrong
        raise errors.exceptions[0] from None
    finally:
        await asyncio.shield(log.flush())
    return reason


class _Faults:
    """Attempts that the model or the machine spoilt, until it is clear whether that was chance."""

    def __init__(self) -> None:
        self._held: list[tuple[Job, CaseAttempt]] = []
        self._some_went_well = False

    def hold_back(self, job: Job, attempt: CaseAttempt) -> bool:
        """Take an attempt that was spoilt; False for one that wasn't.

        Raises:
            ModelError, MachineError: too many in a row, so that the next ones would fare no better.
        """
        if not attempt.exit_code:
            self._some_went_well = True
            return False
        self._held.append((job, attempt))
        if len(self._held) >= IN_A_ROW:
            raise _fault(attempt, f"{IN_A_ROW} attempts in a row failed. The last one: {attempt.error}")
        return True

    def see_that_some_went_well(self, before: bool) -> None:
        """At the end: a run in which the model answered nothing at all scores nobody.

        Raises:
            ModelError, MachineError: every attempt was spoilt, and none went well `before` this start.
        """
        if self._held and not before and not self._some_went_well:
            last = self._held[-1][1]
            count = len(self._held)
            said = f"All {count} attempts failed. The last one: " if count > 1 else ""
            raise _fault(last, f"{said}{last.error}")

    def release(self) -> list[tuple[Job, CaseAttempt]]:
        """Those that were held back, now that another attempt went well, or no more is to come."""
        held, self._held = self._held, []
        return held


def _fault(attempt: CaseAttempt, text: str) -> ModelError | MachineError:
    return ModelError(text) if attempt.exit_code == ModelError.exit_code else MachineError(text)


async def _judged(job: Job, attempt: CaseAttempt, judge: Judge) -> BenchJudged:
    verdict = await judge.judge(job.case, attempt.text, sample=job.sample)
    if job.audited:
        verdict = await judge.audit(job.case, attempt.text, verdict)
    if attempt.error is not None:
        verdict = verdict.model_copy(update={"detail": f"no answer: {attempt.error}"[:500]})
    return BenchJudged(
        verdict=verdict,
        usage=_usage(verdict, attempt),
        run_id=attempt.run_id,
        text=attempt.text if job.keeps_text else None,
    )


def _usage(verdict: Verdict, attempt: CaseAttempt) -> Usage | None:
    if not attempt.calls:
        return None
    return Usage(
        id=verdict.id,
        sample=verdict.sample,
        calls=attempt.calls,
        input_tokens=attempt.input_tokens,
        output_tokens=attempt.output_tokens,
        cost_usd=attempt.cost_usd,
        seconds=attempt.seconds,
    )
