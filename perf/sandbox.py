"""What isolation costs: sandboxed runs beside plain ones and bare bubblewrap, interleaved, as ratios.

    python -m perf.sandbox [--python INTERPRETER] [--rounds N]

Absolute times move with the machine's load; the ratios of one interleaved run hold better. Docker's rows are
perf.containers', a kernel's perf.kernel's, those of other products perf.peers'.
"""

import argparse
import asyncio
import importlib.util
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sandbox import Limits, Policy, PythonCode, Sandbox, open_sandbox
from sandbox.verdicts.check import Assertion, check

PAUSE_S = 0.03
"""Between runs: a child is made in advance meanwhile, as between the turns of a model."""
AT_ONCE, MANY = (1, 2, 4), 300
PRINT = PythonCode(source="print(1)")
NUMPY = PythonCode(source="import numpy; print(int(numpy.arange(2).sum()))")
FLOOD = PythonCode(source="while True: print('x' * 10_000)")
STUBBORN = PythonCode(
    source="import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"
)
_BARE = (
    *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
    *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/w", "--chdir", "/w", "--clearenv"),
)
_SYSTEM = "/usr/bin/python3"


def outside(*command: str) -> float:
    """Milliseconds of a command on this machine."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return (time.perf_counter() - began) * 1e3


async def timed(work: Awaitable[object]) -> float:
    """Milliseconds of something."""
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1e3


def row(name: str, samples: list[float], base: list[float]) -> None:
    """One line of the table."""
    samples = sorted(samples)
    ratio = statistics.median(samples) / statistics.median(base)
    p90 = samples[int(len(samples) * 0.9)]
    print(f"{name:42} {statistics.median(samples):8.2f} {samples[0]:8.2f} {p90:8.2f} {ratio:8.2f}")


async def in_turns(rounds: int, ways: dict[str, Callable[[], Awaitable[float]]]) -> dict[str, list[float]]:
    """Take each way once a round, so that a drift of the machine's speed meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            await asyncio.sleep(PAUSE_S)
            times[name].append(await way())
    return times


async def rate(box: Sandbox, at_once: int) -> float:
    """Runs a second with so many in flight."""
    gate = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with gate:
            assert (await box.run(PRINT)).ok

    return MANY * 1e3 / await timed(asyncio.gather(*(one() for _ in range(MANY))))


async def first(policy: Policy) -> float:
    """Milliseconds from nothing to the first result."""

    async def whole() -> None:
        async with open_sandbox(policy) as box:
            await box.run(PRINT)

    return await timed(whole())


async def with_numpy(policy: Policy, rounds: int) -> list[float]:
    """Milliseconds of runs that use numpy; the pause is long enough for one to be prepared."""
    samples = []
    async with open_sandbox(policy) as box:
        for _ in range(rounds):
            await asyncio.sleep(0.3)
            samples.append(await timed(box.run(NUMPY)))
        assert (await box.run(NUMPY)).stdout == "1\n"
    return samples


async def growth_mb(box: Sandbox) -> float:
    """Megabytes that this process grows by while a program floods its output for two seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await box.run(FLOOD, limits=Limits(wall_s=2, cpu_s=10))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    base_executable: str = getattr(sys, "_base_executable", sys.executable)
    parser.add_argument("--python", default=base_executable, help="the interpreter of all rows")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    policy = Policy(python=Path(arguments.python))
    async with (
        open_sandbox(policy) as box,
        open_sandbox(policy) as checker,
        open_sandbox(Policy(python=Path(_SYSTEM))) as system,
    ):
        await box.write("solution.py", b"def add(a, b):\n    return a + b\n")
        assertions = [Assertion(source="assert add(2, 3) == 5")]

        async def command(*words: str) -> float:
            return await asyncio.to_thread(outside, *words, "-c", "print(1)")

        times = await in_turns(
            arguments.rounds,
            {
                "plain python3 -I -S": lambda: command(arguments.python, "-I", "-S"),
                "plain python3": lambda: command(arguments.python),
                "sandbox, warm (aim ≤ 5 ms, ≤ 0.8)": lambda: timed(box.run(PRINT)),
                "sandbox, warm, fresh workspace": lambda: timed(box.run(PRINT, fresh=True)),
                "one check, two sandboxes (aim 20)": lambda: timed(check(box, checker, assertions)),
                f"plain {_SYSTEM} -I -S": lambda: command(_SYSTEM, "-I", "-S"),
                f"bare bwrap, {_SYSTEM} -I -S": lambda: command(*_BARE, _SYSTEM, "-I", "-S"),
                f"sandbox, warm, {_SYSTEM}": lambda: timed(system.run(PRINT)),
            },
        )
        rates = {count: await rate(box, count) for count in AT_ONCE}
        system_rates = {count: await rate(system, count) for count in AT_ONCE}
        grown = await growth_mb(box)
        late = await timed(box.run(STUBBORN, limits=Limits(wall_s=2)))
    plain = times["plain python3 -I -S"]
    print(f"{'':42} {'median':>8} {'min':>8} {'p90':>8} {'ratio':>8}   (ms; ratio to plain python3 -I -S)")
    for name, samples in times.items():
        row(name, samples, plain)
    row("sandbox, open to first result (aim ≤ 100)", [await first(policy) for _ in range(10)], plain)
    if importlib.util.find_spec("numpy"):
        own_policy = Policy(python=Path(sys.executable))
        row("import numpy", await with_numpy(own_policy, 10), plain)
    for name, rates_by_count in (("", rates), (f", {_SYSTEM}", system_rates)):
        summary = ", ".join(f"{value:.0f} with {count}" for count, value in rates_by_count.items())
        print(f"runs a second{name}: {summary} in flight (aim ≥ 300)")
    print(f"growth of this process under endless output: {grown:.1f} MB (aim ≤ 20)")
    print(f"deadline of 2 s, SIGTERM ignored: {late / 1e3:.2f} s (aim ≤ 2.5)")


if __name__ == "__main__":
    asyncio.run(main())
