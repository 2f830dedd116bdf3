"""Open a judge or a worker of benchmarks according to the settings."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.runner.sample_job import BenchWorker
from benchmarks.suite import Suite
from coder.base.text.sanitize import count_of
from coder.run.settings import Settings
from coder.store import data_folder


@asynccontextmanager
async def judge_for(suite: Suite, settings: Settings) -> AsyncIterator[Judge]:
    """Open a judge according to the settings; print missing packages to stderr."""
    async with open_judge(
        suite,
        backend=settings.sandbox,
        python=settings.python,
        memory_mb=settings.memory,
        image=settings.image,
        cache=data_folder(os.environ) / "bench" / "modes",
    ) as judge:
        if missing := await judge.lacking(suite):
            packages = ", ".join(f"{name} (for {count_of(count, 'case')})" for name, count in missing.items())
            message = (
                f"The interpreter that runs the tests lacks {packages}. Install it, or name another: --python"
            )
            print(message, file=sys.stderr, flush=True)
        yield judge


@asynccontextmanager
async def open_bench_worker(suite: Suite, settings: Settings) -> AsyncIterator[BenchWorker]:
    """Open a worker that judges samples, in any process."""
    async with judge_for(suite, settings) as judge:
        yield BenchWorker(judge)
