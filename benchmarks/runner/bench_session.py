"""Start or continue a benchmark run, with its log, lease, judge and jobs, and return a report."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.executors.executor import Opening
from benchmarks.executors.pool import default_workers
from benchmarks.executors.wire import require_wire_case
from benchmarks.judge.digest import judge_digest
from benchmarks.judge.judge import Judge
from benchmarks.report import Report, Times, differing_digests
from benchmarks.runner.growing import GrowingRun
from benchmarks.runner.judge_for import judge_for, open_bench_worker
from benchmarks.runner.progress import SampleProgress
from benchmarks.runner.runlog import BenchJudged, BenchStarted, RunLog
from benchmarks.runner.runner import run_jobs
from benchmarks.runner.sample_job import Answering, SampleJob, SampleOutcome
from benchmarks.runner.sample_usage import count_cut_samples
from benchmarks.runner.spread import Spread
from benchmarks.runner.spreading import open_executor
from benchmarks.stats.scoring import make_report
from benchmarks.suite import RepositoryCase, Suite, UnreadableCase
from benchmarks.verdict import Strength
from benchmarks.written import replacing
from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import count_of
from coder.models.shared_budget import SharedBudget
from coder.run.costs import CallCost
from coder.run.settings import Settings
from coder.show.render import money
from coder.store import SqliteLog, data_folder, new_run_id

_SOLUTION_FIELDS = ("task_id", "solution")


def open_log() -> SqliteLog:
    """Open the log of benchmarks, which is separate from the log of other runs because of its size."""
    return SqliteLog(data_folder(os.environ) / "bench")


@dataclass(slots=True)
class BenchSession:
    """Settings of one start of a suite's run."""

    suite: Suite
    settings: Settings
    spread: Spread
    """Where samples are answered and judged."""
    purse: SharedBudget | None = None
    """Budget of all attempts, over all starts of the run."""
    growing: GrowingRun | None = None
    """Looks at the run as it grows, which end it."""
    independent: bool = True
    """Whether a sample tells nothing of another one, as pass@k requires."""
    greedy: bool = False
    samples: int = 1
    """Number of samples that each case is to have."""
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed."""
    command: str = "run"
    """Command of `coder bench` that continues the run."""
    resume: str | None = None
    """Run to continue; None begins a new run."""
    rows: tuple[str, ...] = ()
    """Damaged rows of a samples file that name no case of the suite."""
    run: str = field(init=False)
    logged: bool = False
    """Whether the log contains the run, so that the run can be resumed."""
    faults: list[BenchJudged] = field(default_factory=list)
    """Samples of this start for which an error left no verdict."""
    cut: list[SampleOutcome] = field(default_factory=list)
    """Samples of this start that were cut before the model had answered."""

    def __post_init__(self) -> None:
        """Create a run id unless a run is continued."""
        self.run = self.resume or new_run_id().replace("run_", "bench_", 1)

    async def work(
        self,
        log: SqliteLog,
        started: BenchStarted,
        jobs: Iterable[SampleJob],
        progress: SampleProgress,
        *,
        answering: Callable[[Judge, RunLog], Answering] | None = None,
        opening: Opening | None = None,
        answers: Path | None = None,
    ) -> tuple[Report, str]:
        """Do the remaining jobs; return the report of all judged samples, and why the run ended.

        Args:
            answering: answers samples that have no answer yet, in this process.
            opening: opens a worker on other machines of a cluster; None opens one that only judges.
            answers: file to which the answers are written.
        """
        began, unanswered = time.time(), list[CallCost]()
        if self.spread.addresses:  # before anything is answered
            for case in self.suite.cases:
                if not isinstance(case, UnreadableCase):
                    require_wire_case(case)
        async with AsyncExitStack() as stack:
            token = await stack.enter_async_context(log.lease(self.run))
            record = RunLog(self.run, log, token=token, min_strength=self.min_strength)
            if self.resume is not None:
                await record.load()
                _require_equal_digests(self.run, record.started, started)
                unanswered = await count_cut_samples(record, log)
            else:
                await record.begin(started)
            if self.growing is not None:
                await self.growing.begin(record)
            if self.purse is not None:
                self.purse.spent = Decimal(str(record.cost_usd + record.kept_cost_usd))
            self.logged = True
            stack.callback(progress.stop)
            progress.begin(record)
            if unanswered:
                progress.note(_not_counted(unanswered))
            judge = await stack.enter_async_context(judge_for(self.suite, self.settings))
            workers = self.spread.workers or default_workers(started.model)
            executor = await stack.enter_async_context(
                open_executor(
                    self.spread,
                    judge,
                    workers,
                    answering and answering(judge, record),
                    opening or partial(open_bench_worker, self.suite, self.settings),
                    (self.run, self.purse) if self.purse is not None else None,
                )
            )
            progress.show_nodes(lambda: executor.tallies)
            report = partial(self._report, record, started, judge, lambda: executor.level, began)
            reason = await run_jobs(
                jobs,
                executor,
                record,
                max_cost_usd=float(self.purse.usd) if self.purse is not None else None,
                on_judged=partial(self._count, progress, record),
                on_cut=self.cut.append,
                parts=None if self.growing is None else partial(self.growing.parts, record, report),
            )
            await record.end(reason)
            progress.end()
            if answers is not None:
                await write_answers(answers, self.suite, record)
            return await report(), reason

    def _count(self, progress: SampleProgress, log: RunLog, judged: BenchJudged) -> None:
        progress.count(log)
        if judged.evidence.fault:
            self.faults.append(judged)

    async def _report(
        self,
        record: RunLog,
        started: BenchStarted,
        judge: Judge,
        level: Callable[[], str | None],
        began: float,
        samples: int | None = None,
    ) -> Report:
        """Return the report of what is judged, or of the first samples of each case."""
        assert record.started is not None
        command = record.started.parameters.get("command")  # of the first start
        verdicts, usage = await record.results()
        if samples is not None:
            verdicts = [verdict for verdict in verdicts if verdict.sample < samples]
        digests_of_run = {name: value for name, value in started.digests.items() if name != "suite"}
        return make_report(
            self.suite,
            verdicts,
            digests=digests_of_run
            | ({"image": image} if (image := judge.judging_sandboxes.image) is not None else {}),
            model=started.model,
            command=None if command is None else str(command),
            isolation=level() or judge.judging_sandboxes.isolation,
            usage=sorted(usage, key=lambda one: (one.id, one.sample)),
            times=Times(
                started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
                seconds=round(time.time() - began, 3),
            ),
            independent=self.independent,
            greedy=self.greedy,
            samples=self.samples if self.growing is None else self.growing.samples,
            looks=None if self.growing is None else self.growing.plan,
            min_strength=self.min_strength,
            rows=self.rows,
        )


def _not_counted(calls: Sequence[CallCost]) -> str:
    most = sum((call.reserved_usd or Decimal(0) for call in calls), Decimal(0))
    cost = f", which may cost up to {money(float(most))}" if most else ""
    return f"Not counted{cost}: {count_of(len(calls), 'call')} without an answer when the run was cut."


def load_first_start(log: SqliteLog, run: str, *, command: str) -> BenchStarted:
    """Return the first event of a run to continue. Raises UsageError if the run can't be continued."""
    record = RunLog(run, log, token=0)
    asyncio.run(record.load())
    assert record.started is not None
    first_command = "grade" if "samples" in record.started.parameters else "run"
    if first_command != command:
        raise UsageError(
            f"{run} was begun by another command. "
            f"Continue it with: {own_command()} bench {first_command} --resume {run}"
        )
    return record.started


def digests(suite: Suite, other_digests: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of everything that determines a run's results."""
    return {"suite": suite.digest, "judge": judge_digest(), **other_digests}


def _require_equal_digests(run: str, first_start: BenchStarted | None, new_start: BenchStarted) -> None:
    assert first_start is not None
    if changes := differing_digests(first_start.digests, new_start.digests):
        raise UsageError(
            f"{run} can't be continued: the {', '.join(changes)} changed since it began.\n"
            "Its flags are kept and need not be given again; its files must not change."
        )


async def write_answers(path: Path, suite: Suite, log: RunLog) -> None:
    """Write a line for each answer, in the order of cases in the suite, then of samples."""
    order = {case_field.id: number for number, case_field in enumerate(suite.cases)}
    patches = {case_field.id for case_field in suite.cases if isinstance(case_field, RepositoryCase)}
    positions = {
        (order[judged.verdict.id], judged.verdict.sample): seq async for seq, judged in log.samples()
    }
    with replacing(path) as file:
        for _, seq in sorted(positions.items()):
            logged_sample = await log.sample(seq)
            case_field, answer_field = (
                ("instance_id", "model_patch") if logged_sample.verdict.id in patches else _SOLUTION_FIELDS
            )
            file.write(
                json.dumps({case_field: logged_sample.verdict.id, answer_field: logged_sample.text or ""})
                + "\n"
            )
