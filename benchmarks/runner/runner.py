"""Run a benchmark: have an executor attempt and judge samples, and log them; a run can be resumed."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from typing import NoReturn

from benchmarks.executors.executor import JobExecutor
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchJudged, RunLog
from benchmarks.runner.sample_job import SampleJob, SampleOutcome
from coder.base.errors import MachineError, ModelError

MAX_FAILURES = 5
"""Number of consecutive failed attempts (model or machine) that end the run; it can be resumed."""

TALLY_S = 5.0
"""Seconds between logs of the nodes' tallies, if there are several nodes."""


async def run_jobs(
    jobs: Iterable[SampleJob],
    executor: JobExecutor[SampleJob, SampleOutcome],
    log: RunLog,
    *,
    max_cost_usd: float | None = None,
    on_judged: Callable[[BenchJudged], None] = lambda judged: None,
) -> str:
    """Do the remaining jobs; jobs whose samples are in the log are skipped.

    Returns:
        Why the run ended: `done`, or `cost` if the remainder of `max_cost_usd` doesn't cover a call.

    Raises:
        ModelError, MachineError: too many attempts in a row failed, or all of them did.
    """
    run = _Run(jobs, log, max_cost_usd, on_judged)
    try:
        await run.take(executor, run.pending())
        if not run.has_answer:
            _require_answer([outcome.attempt for outcome in run.failures])
        run.accept_failures()
        if run.has_due:
            await run.take(executor, run.due_jobs())
    finally:
        await asyncio.shield(log.flush())
    return run.reason


class _Run:
    """Jobs and outcomes of one start."""

    def __init__(
        self,
        jobs: Iterable[SampleJob],
        log: RunLog,
        max_cost_usd: float | None,
        on_judged: Callable[[BenchJudged], None],
    ) -> None:
        self._jobs, self._log, self._max_cost_usd, self._on_judged = jobs, log, max_cost_usd, on_judged
        self.reason, self.has_answer = "done", bool(log.judged)
        self.failures: list[SampleOutcome] = []
        """Failed attempts in a row; judged as empty answers once another attempt succeeds."""
        self._due: deque[SampleJob] = deque()

    def pending(self) -> Iterator[SampleJob]:
        """Yield jobs that aren't in the log, until the cost is spent."""
        for job in self._jobs:
            if self._log.is_done(job.case.id, job.sample):
                continue
            yield from self.due_jobs()
            if self._is_spent():
                self.reason = "cost"
            if self.reason == "cost":
                return
            yield job

    def due_jobs(self) -> Iterator[SampleJob]:
        """Yield jobs that judge failed attempts as empty answers."""
        while self._due:
            yield self._due.popleft()

    @property
    def has_due(self) -> bool:
        """Whether failed attempts remain to be judged as empty answers."""
        return bool(self._due)

    def accept_failures(self) -> None:
        """Queue the failed attempts to be judged as empty answers."""
        for outcome in self.failures:
            attempt = outcome.attempt.model_copy(update={"exit_code": 0})
            self._due.append(SampleJob(case=outcome.case, sample=outcome.sample, answer=attempt))
        self.failures.clear()

    async def take(self, executor: JobExecutor[SampleJob, SampleOutcome], jobs: Iterator[SampleJob]) -> None:
        """Log the outcomes of jobs. Raises ModelError or MachineError if too many failed in a row."""
        tallied_at = time.monotonic()
        async with aclosing(executor.map(jobs)) as outcomes:
            async for outcome in outcomes:
                await self._take(outcome)
                if len(executor.tallies) > 1 and time.monotonic() > tallied_at + TALLY_S:
                    tallied_at = time.monotonic()
                    await self._log.tally(executor.tallies)
        if len(executor.tallies) > 1:
            await self._log.tally(executor.tallies)

    async def _take(self, outcome: SampleOutcome) -> None:
        attempt = outcome.attempt
        if attempt.unpaid:
            self.reason = "cost"
        elif outcome.verdict is None:
            self.failures.append(outcome)
            if len(self.failures) >= MAX_FAILURES:
                _raise_fault(attempt, f"{MAX_FAILURES} attempts in a row failed. The last one: ")
        else:
            self.has_answer = True
            self.accept_failures()
            judged = BenchJudged(
                verdict=outcome.verdict,
                usage=attempt.usage,
                run_id=attempt.run_id,
                text=attempt.text if outcome.keeps_text else None,
                evidence=outcome.evidence,
            )
            await self._log.judge(judged)
            self._on_judged(judged)

    def _is_spent(self) -> bool:
        return self._max_cost_usd is not None and self._log.cost_usd >= self._max_cost_usd


def _require_answer(failures: list[CaseAttempt]) -> None:
    """Raise an error if the model gave no answer at all, because there is no score then."""
    if failures:
        summary = f"All {len(failures)} attempts failed. The last one: " if len(failures) > 1 else ""
        _raise_fault(failures[-1], summary)


def _raise_fault(attempt: CaseAttempt, text: str) -> NoReturn:
    kind = ModelError if attempt.exit_code == ModelError.exit_code else MachineError
    raise kind(f"{text}{attempt.error}")
