"""Verdicts a second on this machine and on a fleet of one and two `coder serve`; the driver's memory.

Run: python -m perf.spread [--answers 400] [--jobs 10000], or [--alone 30000] for the driver's memory.
Workers are servers on loopback, so that all share
the processors of this machine: two of them show what the spreading costs, not what a second machine gives.
Aims: a fleet costs at most a tenth of this machine's rate; the driver's memory is flat after the first tenth.
"""

import argparse
import asyncio
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.executors.pool import InProcess, NodePool
from benchmarks.judge.judge import open_judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchJudged, BenchStarted, RunLog
from benchmarks.runner.runner import run_jobs
from benchmarks.runner.sample_job import (
    SampleJob,
    SampleOutcome,
    SamplePool,
    SampleWire,
    give_up,
    on_this_machine,
)
from benchmarks.runner.spreading import open_fleet
from benchmarks.suite import FunctionCase, Suite
from benchmarks.suites.load import load_suite
from benchmarks.verdict import Verdict
from coder.store import SqliteLog


def jobs(suite: Suite, count: int, salt: str) -> Iterator[SampleJob]:
    """Own answers of the cases, each with a salt of its own."""
    cases = [case for case in suite.cases if isinstance(case, FunctionCase)]
    for number, case in enumerate(itertools.islice(itertools.cycle(cases), count)):
        text = f"{case.prompt}{case.canonical_solution}\n# {salt} {number}\n"
        yield SampleJob(case, number, CaseAttempt(text=text), keeps_text=False)


def resident_mb(pid: int | str = "self") -> float:
    """Resident memory of a process, in MB."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """Address and process id of a `coder serve` with a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        environ = os.environ | {"HOME": home, "XDG_CONFIG_HOME": f"{home}/c", "XDG_DATA_HOME": f"{home}/d"}
        command = [Path(sys.executable).with_name("coder"), "serve", "--port", "0", "--root", home]
        process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            line = next(line for line in process.stderr if line.startswith("serving "))
            yield line.split()[1], process.pid
        finally:
            process.terminate()
            process.wait()


@asynccontextmanager
async def fleet(addresses: list[str]) -> AsyncIterator[SamplePool]:
    """A pool of workers."""
    async with AsyncExitStack() as stack:
        yield await open_fleet(stack, addresses, None, SampleWire(), give_up)


async def run(
    pool: SamplePool, suite: Suite, count: int, salt: str, pids: list[int], folder: Path
) -> tuple[float, float, list[float], int]:
    """Verdicts a second, CPU milliseconds of this process and bytes of the log each; memory at each tenth."""
    memory, done = [resident_mb()], 0

    def on_judged(_: BenchJudged) -> None:
        nonlocal done
        done += 1
        if done % max(1, count // 10) == 0:
            memory.append(resident_mb())
            if pids:
                memory.append(max(map(resident_mb, pids)))

    with SqliteLog(folder) as log:
        async with log.lease("bench_1") as token:
            record = RunLog("bench_1", log, token=token)
            await record.begin(BenchStarted(suite="s", digests={}, parameters={}))
            began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
            await run_jobs(jobs(suite, count, salt), pool, record, on_judged=on_judged)
            seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
            verdicts, _ = await record.results()
            memory.append(resident_mb())
    assert len({(one.id, one.sample) for one in verdicts}) == count
    assert {one.verdict for one in verdicts} == {"passed"}
    cpu_s = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    return count / seconds, 1000 * cpu_s / count, memory, size_of(folder) // count


class Passes:
    """Worker by whom every answer passes at once."""

    async def do(self, job: SampleJob, on_slow: Callable[[], None]) -> SampleOutcome:
        """Return a passed verdict."""
        verdict = Verdict(id=job.case.id, sample=job.sample, verdict="passed", strength="strong")
        return SampleOutcome(job.case, job.sample, CaseAttempt(), verdict)


async def driver_memory(suite: Suite, count: int, folder: Path) -> list[float]:
    """MB of this process at each tenth of verdicts that cost nothing to judge, then with all of them."""
    async with NodePool([InProcess(Passes(), 4)], give_up) as pool:
        _, _, memory, _ = await run(pool, suite, count, "free", [], folder)
    return memory[1:]


def size_of(folder: Path) -> int:
    """Bytes of the files of a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def line(rate: float, cpu_ms: float, size: int) -> str:
    """The figures of one run."""
    return f"{rate:7.1f} verdicts/s, driver {cpu_ms:.2f} ms CPU and {size:,} B of log each"


async def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--alone", type=int, default=0, help="only the driver, with this many verdicts")
    options = parser.parse_args()
    suite = load_suite("starter")
    if options.alone:
        with tempfile.TemporaryDirectory() as top:
            print(*(f"{mb:.1f}" for mb in await driver_memory(suite, options.alone, Path(top))))
        return
    with (
        server() as (first, first_pid),
        server() as (second, second_pid),
        tempfile.TemporaryDirectory() as top,
    ):
        pids, folders = [first_pid, second_pid], (Path(top) / str(i) for i in itertools.count())
        async with open_judge(suite) as judge, on_this_machine(judge, 2 * (os.cpu_count() or 1)) as local:
            for round_number in range(3):
                async with fleet([first]) as one, fleet([first, second]) as two:
                    for name, pool in (("this machine", local), ("one worker", one), ("two workers", two)):
                        salt = f"{name} {round_number}"
                        rate, cpu_ms, _, size = await run(
                            pool, suite, options.answers, salt, [], next(folders)
                        )
                        print(f"{name:14}", line(rate, cpu_ms, size), flush=True)
        async with fleet([first, second]) as two:
            rate, cpu_ms, memory, size = await run(two, suite, options.jobs, "many", pids, next(folders))
        print(f"{options.jobs:,} jobs:", line(rate, cpu_ms, size))
        print("driver MB at each tenth:", *(f"{mb:.0f}" for mb in memory[1::2]))
        print("larger worker MB at each tenth:", *(f"{mb:.0f}" for mb in memory[2::2]))


if __name__ == "__main__":
    asyncio.run(main())
