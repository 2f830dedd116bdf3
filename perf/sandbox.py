"""What isolation costs: sandboxed runs beside plain ones, interleaved, as ratios. Run: python perf/sandbox.py

Absolute times move with the machine's load; the ratios of one interleaved run hold better.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from sandbox import PythonCode, open_sandbox
from sandbox.check import Assertion, check

ROUNDS, PAUSE_S = 40, 0.03
PRINT = PythonCode(source="print(1)")


def plain(*flags: str) -> float:
    """Milliseconds of a plain interpreter, the same one that the sandbox uses."""
    began = time.perf_counter()
    subprocess.run([sys._base_executable, *flags, "-c", "print(1)"], stdout=subprocess.PIPE, check=True)  # type: ignore[attr-defined]
    return (time.perf_counter() - began) * 1e3


def row(name: str, samples: list[float], base: list[float]) -> None:
    """One line of the table."""
    samples = sorted(samples)
    ratio = statistics.median(samples) / statistics.median(base)
    p90 = samples[int(len(samples) * 0.9)]
    print(f"{name:38} {statistics.median(samples):8.2f} {samples[0]:8.2f} {p90:8.2f} {ratio:8.2f}")


async def main() -> None:
    """Print the table."""
    warm: list[float] = []
    isolated_flags: list[float] = []
    usual: list[float] = []
    async with open_sandbox() as box:
        for _ in range(5):
            await box.run(PRINT)
        for _ in range(ROUNDS):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            assert (await box.run(PRINT)).stdout == "1\n"
            warm.append((time.perf_counter() - began) * 1e3)
            isolated_flags.append(plain("-I", "-S"))
            usual.append(plain())
        rates = {}
        for flight in (1, 2, 4):
            gate = asyncio.Semaphore(flight)

            async def one(gate: asyncio.Semaphore = gate) -> None:
                async with gate:
                    await box.run(PRINT)

            began = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(200)))
            rates[flight] = 200 / (time.perf_counter() - began)
    checks: list[float] = []
    async with open_sandbox() as candidate, open_sandbox() as checker:
        await candidate.write("solution.py", b"def add(a, b):\n    return a + b\n")
        for _ in range(ROUNDS):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            assert (await check(candidate, checker, [Assertion(source="assert add(2, 3) == 5")])).passed
            checks.append((time.perf_counter() - began) * 1e3)
    first: list[float] = []
    for _ in range(10):
        began = time.perf_counter()
        async with open_sandbox() as box:
            await box.run(PRINT)
            first.append((time.perf_counter() - began) * 1e3)
    print(f"{'':38} {'median':>8} {'min':>8} {'p90':>8} {'ratio':>8}   (ms; ratio to python3 -I -S)")
    row("plain python3 -I -S -c", isolated_flags, isolated_flags)
    row("plain python3 -c", usual, isolated_flags)
    row("sandbox, warm (aim ≤ 5 ms, ≤ 0.8)", warm, isolated_flags)
    row("one check, two sandboxes (aim 20)", checks, isolated_flags)
    row("sandbox, open to first result (≤ 100)", first, isolated_flags)
    print("runs per second: " + ", ".join(f"{rate:.0f} with {n} in flight" for n, rate in rates.items()))


if __name__ == "__main__":
    asyncio.run(main())
