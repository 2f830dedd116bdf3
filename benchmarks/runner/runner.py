"""Run a benchmark: have an executor attempt and judge samples, and log them; a run can be resumed."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import NoReturn

from benchmarks.executors.executor import JobExecutor
from benchmarks.runner.case_attempt import Cut
from benchmarks.runner.runlog import BenchCut, BenchJudged, RunLog
from benchmarks.runner.sample_job import SampleJob, SampleOutcome
from benchmarks.verdict import Verdict
from coder.base.errors import MachineError, ModelError

MAX_FAILURES = 5
"""End the run after this many failed attempts in a row, or errors of this many cases; it can be resumed."""

_REASONS = ("cost", "endpoint", "time", "done")
"""Why a run ends; the first of those that apply."""
TALLY_S = 5.0
"""Seconds between logs of the nodes' tallies, if there are several nodes."""


async def run_jobs(
    jobs: Iterable[SampleJob],
    executor: JobExecutor[SampleJob, SampleOutcome],
    log: RunLog,
    *,
    max_cost_usd: float | None = None,
    on_judged: Callable[[BenchJudged], None] = lambda judged: None,
    on_cut: Callable[[SampleOutcome], None] = lambda outcome: None,
    parts: Callable[[Iterable[SampleJob]], AsyncGenerator[Iterable[SampleJob], None]] | None = None,
) -> str:
    """Do the remaining jobs; skip samples with a verdict in the log, but judge `infrastructure` again.

    Args:
        parts: yields the jobs in parts, each once the one before is judged; by default all at once.

    Returns:
        Why the run ended: `done`, `cost` if the remainder of `max_cost_usd` doesn't cover a call, or what
        else has cut a sample: `endpoint`, or `time`.

    Raises:
        ModelError, MachineError: too many attempts in a row failed, or all of them did.
        CoderError, SandboxError: too many cases in a row, or all of them, met this error.
    """
    run = _Run(log, max_cost_usd, on_judged, on_cut)
    try:
        async with aclosing((parts or _whole)(jobs)) as all_parts:
            async for part in all_parts:
                await run.take(executor, run.pending(part))
                if not run.has_answer:
                    _require_answer(run.failures)
                await run.accept_failures()
                if run.has_due:
                    await run.take(executor, run.due_jobs())
                    await run.accept_failures()
                if run.reason == "cost":
                    break
    finally:
        await asyncio.shield(log.flush())
    return run.reason


async def _whole(jobs: Iterable[SampleJob]) -> AsyncGenerator[Iterable[SampleJob], None]:
    yield jobs


class _Run:
    """Jobs and outcomes of one start."""

    def __init__(
        self,
        log: RunLog,
        max_cost_usd: float | None,
        on_judged: Callable[[BenchJudged], None],
        on_cut: Callable[[SampleOutcome], None],
    ) -> None:
        self._log, self._max_cost_usd, self._on_judged, self._on_cut = log, max_cost_usd, on_judged, on_cut
        self.reason, self.has_answer = "done", bool(log.judged)
        self.failures: list[SampleOutcome] = []
        """Failures in a row. Once another attempt succeeds, attempts are judged as empty answers, or missing
        if their endpoint failed, and errors are logged as `infrastructure`."""
        self._due: deque[SampleJob] = deque()

    def pending(self, jobs: Iterable[SampleJob]) -> Iterator[SampleJob]:
        """Yield jobs that aren't in the log, until the cost is spent."""
        for job in jobs:
            if self._log.is_done(job.case.id, job.sample):
                continue
            if job.answer is None and (answer := self._log.undecided_answer(job.case.id, job.sample)):
                job = replace(job, answer=answer)
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

    async def accept_failures(self) -> None:
        """Queue failed attempts to be judged as empty answers; log those that were cut or have an error."""
        failures, self.failures = self.failures, []
        for outcome in failures:
            if outcome.verdict is not None:
                await self._record(outcome, outcome.verdict)
                continue
            if outcome.attempt.cut:
                await self._cut(outcome, outcome.attempt.cut)
                continue
            attempt = outcome.attempt.model_copy(update={"exit_code": 0})
            self._due.append(SampleJob(case=outcome.case, sample=outcome.sample, answer=attempt))

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
        if outcome.attempt.cut in ("cost", "time"):
            await self._cut(outcome, outcome.attempt.cut)
        elif outcome.verdict is None or outcome.fault is not None:
            self.failures.append(outcome)
            if self._failures_in_a_row >= MAX_FAILURES:
                _raise_fault(outcome, f"{MAX_FAILURES} attempts in a row failed. The last one: ")
        else:
            if outcome.verdict.verdict != "infrastructure":
                self.has_answer = True
                await self.accept_failures()
            await self._record(outcome, outcome.verdict)

    async def _cut(self, outcome: SampleOutcome, by: Cut) -> None:
        """Log a sample that is missing, and that a resumed run makes anew."""
        self.reason = min(self.reason, by, key=_REASONS.index)
        cut = BenchCut(id=outcome.case.id, sample=outcome.sample, usage=outcome.attempt.usage)
        await self._log.cut(cut, has_steps=True)
        self._on_cut(outcome)

    @property
    def _failures_in_a_row(self) -> int:
        """Number of failed attempts, and of cases with an error: all samples of one case may have it."""
        attempts = sum(outcome.verdict is None for outcome in self.failures)
        return attempts + len({outcome.case.id for outcome in self.failures if outcome.verdict is not None})

    async def _record(self, outcome: SampleOutcome, verdict: Verdict) -> None:
        judged = BenchJudged(
            verdict=verdict,
            usage=outcome.attempt.usage,
            run_id=outcome.attempt.run_id,
            text=outcome.attempt.text if outcome.keeps_text else None,
            evidence=outcome.evidence,
        )
        await self._log.judge(judged)
        self._on_judged(judged)

    def _is_spent(self) -> bool:
        return self._max_cost_usd is not None and self._log.cost_usd >= self._max_cost_usd


def _require_answer(failures: list[SampleOutcome]) -> None:
    """Raise an error if no sample has an answer and a verdict, because there is no score then."""
    if failures:
        summary = f"All {len(failures)} attempts failed. The last one: " if len(failures) > 1 else ""
        _raise_fault(failures[-1], summary)


def _raise_fault(outcome: SampleOutcome, text: str) -> NoReturn:
    if outcome.fault is not None:
        raise outcome.fault
    kind = ModelError if outcome.attempt.exit_code == ModelError.exit_code else MachineError
    raise kind(f"{text}{outcome.attempt.error}")
