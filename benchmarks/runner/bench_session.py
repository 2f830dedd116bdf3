"""One start of a benchmark run: its log, lease, judge and jobs; returns a report."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from benchmarks.judge.digest import judge_digest
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.report import Report, Times, differing
from benchmarks.runner.progress import SampleProgress
from benchmarks.runner.runlog import BenchStarted, RunLog
from benchmarks.runner.runner import SampleJob, run_jobs
from benchmarks.stats.scoring import make_report
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.written import replacing
from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import count_of
from coder.models.shared_budget import SharedBudget
from coder.run.settings import Settings
from coder.store import SqliteLog, data_folder, new_run_id

_SOLUTION = ("task_id", "solution")


def open_log() -> SqliteLog:
    """The log of benchmarks, separate from other runs, which they would flood."""
    return SqliteLog(data_folder(os.environ) / "bench")


@dataclass(slots=True)
class BenchSession:
    """Settings of one start of a suite's run."""

    suite: Suite
    settings: Settings
    workers: int | None
    """Samples at once; None chooses by machine and model."""
    purse: SharedBudget | None = None
    """Budget of all attempts, over all starts."""
    independent: bool = True
    """Samples are independent and identically distributed, as pass@k requires."""
    greedy: bool = False
    include_weaker: bool = False
    command: str = "run"
    """The `coder bench` command that continues it."""
    resume: str | None = None
    """The run to continue; None begins another."""
    run: str = field(init=False)
    logged: bool = False
    """The log contains the run, so it can be resumed."""

    def __post_init__(self) -> None:
        """Take a new id unless a run is continued."""
        self.run = self.resume or new_run_id().replace("run_", "bench_", 1)

    async def work(
        self,
        log: SqliteLog,
        started: BenchStarted,
        jobs: Iterable[SampleJob],
        progress: SampleProgress,
        answers: Path | None = None,
    ) -> tuple[Report, str]:
        """Do the remaining jobs; the report of all judged samples, and why the run ended."""
        began = time.time()
        async with AsyncExitStack() as stack:
            token = await stack.enter_async_context(log.lease(self.run))
            record = RunLog(self.run, log, token=token)
            if self.resume is not None:
                await record.load()
                _require_same(self.run, record.started, started)
            else:
                await record.begin(started)
            if self.purse is not None:
                self.purse.spent = Decimal(str(sum(usage.cost_usd or 0.0 for usage in record.usage)))
            self.logged = True
            stack.callback(progress.stop)
            progress.begin(record)
            judge = await stack.enter_async_context(judge_for(self.suite, self.settings))
            reason = await run_jobs(
                jobs,
                judge,
                record,
                workers=self.workers or default_workers(started.model),
                max_cost_usd=float(self.purse.usd) if self.purse is not None else None,
                on_judged=progress.count,
            )
            await record.end(reason)
            progress.end()
            if answers is not None:
                await write_answers(answers, self.suite, record)
            report = self._report(record, started, judge, began=began)
        return report, reason

    def _report(self, record: RunLog, started: BenchStarted, judge: Judge, *, began: float) -> Report:
        assert record.started is not None
        command = record.started.parameters.get("command")  # of the first start
        own = {name: value for name, value in started.digests.items() if name != "suite"}
        return make_report(
            self.suite,
            record.verdicts,
            digests=own | ({"image": image} if (image := judge.places.image) is not None else {}),
            model=started.model,
            command=None if command is None else str(command),
            isolation=judge.places.isolation,
            usage=sorted(record.usage, key=lambda usage: (usage.id, usage.sample)),
            times=Times(
                started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
                seconds=round(time.time() - began, 3),
            ),
            independent=self.independent,
            greedy=self.greedy,
            count_weaker=self.include_weaker,
        )


@asynccontextmanager
async def judge_for(suite: Suite, settings: Settings) -> AsyncIterator[Judge]:
    """Open a judge by the settings; missing packages are named on stderr."""
    async with open_judge(
        suite,
        backend=settings.sandbox,
        python=settings.python,
        memory_mb=settings.memory,
        image=settings.image,
        cache=data_folder(os.environ) / "bench" / "modes",
    ) as judge:
        if lacking := await judge.lacking(suite):
            named = ", ".join(f"{name} (for {count_of(count, 'case')})" for name, count in lacking.items())
            told = f"The interpreter that runs the tests lacks {named}. Install it, or name another: --python"
            print(told, file=sys.stderr, flush=True)
        yield judge


def default_workers(model: str | None = None) -> int:
    """Default number of samples at once; two for a local model, which answers one at a time."""
    if model is not None and model.startswith("local/"):
        return 2
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4


def earlier(log: SqliteLog, run: str, *, command: str) -> BenchStarted:
    """The first event of a run to continue. Raises UsageError if it can't be continued."""
    record = RunLog(run, log, token=0)
    asyncio.run(record.load())
    assert record.started is not None
    began = "grade" if "samples" in record.started.parameters else "run"
    if began != command:
        raise UsageError(
            f"{run} was begun by another command. "
            f"Continue it with: {own_command()} bench {began} --resume {run}"
        )
    return record.started


def digests(suite: Suite, more: Mapping[str, str]) -> dict[str, str]:
    """Digests of everything that determines a run's results."""
    return {"suite": suite.digest, "judge": judge_digest(), **more}


def _require_same(run: str, before: BenchStarted | None, now: BenchStarted) -> None:
    assert before is not None
    if changed := differing(before.digests, now.digests):
        raise UsageError(
            f"{run} can't be continued: the {', '.join(changed)} changed since it began.\n"
            "Its flags are kept and need not be given again; its files must not change."
        )


async def write_answers(path: Path, suite: Suite, log: RunLog) -> None:
    """Write a line for each answer, ordered by suite, then sample."""
    order = {case.id: number for number, case in enumerate(suite.cases)}
    patches = {case.id for case in suite.cases if isinstance(case, RepositoryCase)}
    places = [((order[one.verdict.id], one.verdict.sample), seq) async for seq, one in log.samples()]
    with replacing(path) as file:
        for _, seq in sorted(places):
            one = await log.sample(seq)
            case, answer = ("instance_id", "model_patch") if one.verdict.id in patches else _SOLUTION
            file.write(json.dumps({case: one.verdict.id, answer: one.text or ""}) + "\n")
