"""Answers rewarded a second, with and without endless loops, beside one `python` an answer, in turns.

Run: python -m perf.rewards SUITE [--answers 984] [--rounds 3] [--slow 0.05]. SUITE is HumanEval's file.
Answers are the canonical ones, each with a salt of its own; every twentieth of those with loops never ends.
An answer has `--slow` CPU seconds, or four times its case's own answer. The plain judge starts `python -I`
for each answer and its tests in one process, as many at once as there are processors; it isolates nothing,
and has ten seconds for an answer.
Aims: 150 answers a second on two cores; loops lower it by a fifth at most.
"""

import argparse
import asyncio
import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.rewards.judging import open_judging
from benchmarks.suite import Case, FunctionCase
from benchmarks.suites.load import load_suite

LOOP = "    while True: pass\n"
Answers = list[tuple[Case, str]]


def answers(cases: list[FunctionCase], count: int, salt: str, *, loops: bool) -> Answers:
    """Completions, in the order of the cases, again and again."""
    pairs: Answers = []
    for i in range(count):
        case = cases[i % len(cases)]
        right = case.canonical_solution or ""
        pairs.append((case, f"{LOOP if loops and i % 20 == 7 else right}\n# {salt} {i}\n"))
    return pairs


async def plain(asked: Answers) -> list[bool]:
    """Whether each passes, by one process an answer."""
    turns = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(case: Case, text: str) -> bool:
        assert isinstance(case, FunctionCase)
        program = f"{case.prompt}{text}\n{case.test}\ncheck({case.entry_point})\n"
        async with turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-c",
                program,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(10):
                    return await process.wait() == 0
            except TimeoutError:
                process.kill()
                await process.wait()
                return False

    return list(await asyncio.gather(*(one(case, text) for case, text in asked)))


async def rate(judge: Callable[[Answers], Awaitable[list[bool]]], asked: Answers) -> float:
    """Answers a second. Raises AssertionError: a verdict is wrong."""
    began = time.perf_counter()
    passed = await judge(asked)
    took = time.perf_counter() - began
    assert passed == [LOOP not in text for _, text in asked], "a verdict is wrong"
    return len(asked) / took


async def measure(suite: str, count: int, rounds: int, slow_s: float) -> None:
    """Print rates, medians and ratios."""
    loaded = load_suite(suite)
    cases = [case for case in loaded.cases if isinstance(case, FunctionCase)]
    rates: dict[str, list[float]] = {"plain": [], "ours": [], "ours, 5 % loops": []}
    async with open_judging(loaded, processes=1) as service:

        async def ours(asked: Answers) -> list[bool]:
            return [one.reward == 1.0 for one in await service.judge(asked, slow_s=slow_s)]

        await ours(answers(cases, len(cases), "warm", loops=False))
        for i in range(rounds):
            for name in rates:
                asked = answers(cases, count, f"{i} {name}", loops="loops" in name)
                rates[name].append(await rate(plain if name == "plain" else ours, asked))
            last = ", ".join(f"{name} {per_second[-1]:.0f}" for name, per_second in rates.items())
            print(f"{last} answers/s at load {os.getloadavg()[0]:.1f}", flush=True)
    used = resource.getrusage(resource.RUSAGE_SELF)
    middle = {name: statistics.median(per_second) for name, per_second in rates.items()}
    print(", ".join(f"{name} {per_second:.0f}" for name, per_second in middle.items()), "answers/s, medians")
    for name in ("plain", "ours, 5 % loops"):
        pairs = zip(rates[name], rates["ours"], strict=True)
        print(f"{name}: {statistics.median(rate / alone for rate, alone in pairs):.2f} of ours")
    cpu_s = (used.ru_utime + used.ru_stime) / (2 * rounds * count)
    print(f"host process: {cpu_s * 1e3:.1f} ms CPU an answer")


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite")
    parser.add_argument("--answers", type=int, default=984)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", type=float, default=0.05)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.suite, arguments.answers, arguments.rounds, arguments.slow))


if __name__ == "__main__":
    main()
