"""Look at a run as it grows, and say when it is decided against its baseline."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from itertools import groupby

from benchmarks.report import Look, LookPlan, Report
from benchmarks.runner.runlog import RunLog
from benchmarks.runner.sample_job import SampleJob
from benchmarks.stats.gate import Gate, gate
from benchmarks.stats.looks import look_now
from coder.base.errors import UsageError


class GrowingRun:
    """Looks at one start of a run, by a plan whose state the run's log keeps."""

    def __init__(self, plan: LookPlan, baseline: Report) -> None:
        self.plan, self._baseline = plan, baseline
        self.samples = plan.samples[0]
        """Samples of each case until the look that comes next, or ended the run."""

    async def begin(self, record: RunLog) -> None:
        """Go on by the plan of an earlier start, or log this one. Raises UsageError for another baseline."""
        if record.looks is None:
            await record.keep_looks(self.plan)
        elif record.looks.model_copy(update={"taken": ()}) != self.plan.model_copy(update={"taken": ()}):
            raise UsageError(
                f"{record.run} was begun against another baseline, or with another --max-drop.\n"
                "Go on with the file as it was, or begin anew."
            )
        else:
            self.plan = record.looks

    async def parts(
        self,
        record: RunLog,
        report: Callable[[int], Awaitable[Report]],
        jobs: Iterable[SampleJob],
    ) -> AsyncGenerator[Iterable[SampleJob], None]:
        """Yield the jobs until each look, and end once one has decided.

        Args:
            report: returns the report of as many samples of each case.
            jobs: sample by sample, each of all cases.
        """
        looked_at = max((look.samples for look in self.plan.taken), default=0)
        for samples, part in groupby(jobs, lambda job: next(n for n in self.plan.samples if job.sample < n)):
            self.samples = max(samples, looked_at)
            yield part
            # Where an earlier start has looked further, what it left without a verdict is judged alone.
            if samples >= looked_at and await self._is_decided(record, await report(samples)):
                return

    async def _is_decided(self, record: RunLog, report: Report) -> bool:
        if self.plan.taken and self.plan.taken[-1].decision != "undecided":
            return True
        information, level = look_now(self.plan, [report])
        if information and all(look.information < information for look in self.plan.taken):
            decision = self.decide(report).decision
            look = Look(samples=self.samples, information=information, level=level, decision=decision)
            self.plan = self.plan.model_copy(update={"taken": (*self.plan.taken, look)})
            await record.keep_looks(self.plan)
        return bool(self.plan.taken) and self.plan.taken[-1].decision != "undecided"

    def decide(self, report: Report) -> Gate:
        """Check a report of this run against the baseline, as `coder gate` does."""
        return gate([report], baseline=[self._baseline], alpha=self.plan.alpha)
