"""What a command of a session costs beside subprocess.run, and what a session costs to open beside a run.

python -m perf.session [--rounds N] [--files N]
"""

import argparse
import asyncio
import statistics
import time

from perf.sandbox import PRINT, in_turns, outside, row, timed
from sandbox import Command, Sandbox, open_sandbox, session_policy
from sandbox.backends.bubblewrap import open_bubblewrap

TRUE = Command(argv=("true",))
LOOKS = 9


async def opening(box: Sandbox) -> float:
    """Milliseconds until a session can be given a command."""
    began = time.perf_counter()
    async with box.session(fresh=True):
        return (time.perf_counter() - began) * 1e3


async def commands(box: Sandbox, rounds: int) -> None:
    """The costs of small things."""

    async def subprocess() -> float:
        return outside("true")

    async with box.session(fresh=True) as session:
        times = await in_turns(
            rounds,
            {
                'subprocess.run(["true"])': subprocess,
                "session.run(true)": lambda: timed(session.run(TRUE)),
                "session.sh(true)": lambda: timed(session.sh("true")),
                "a fresh run": lambda: timed(box.run(PRINT, fresh=True)),
                "a session opens": lambda: opening(box),
            },
        )
    for name, samples in times.items():
        row(name, samples, times['subprocess.run(["true"])'])


async def trees(number: int, without: frozenset[str]) -> None:
    """The costs of a session on a tree that was laid before."""
    name = f"{number} files{'; looked at whole' if without else ''}"
    files = {f"d{n // 100}/{n % 100}": b"%d\n" % n for n in range(number)}
    async with open_bubblewrap(session_policy(), without=without) as box:
        print(f"{name}: to lay them takes {await timed(box.lay(files)):.0f} ms")
        for how in ("the first", "another"):
            await asyncio.sleep(0.5)
            began = time.perf_counter()
            async with box.session() as session:
                print(f"{name}: {how} session opens in {(time.perf_counter() - began) * 1e3:.0f} ms")
                await session.sh("echo 1 > d1/1")
                await asyncio.sleep(0.1)  # what is younger is read again
                samples = [await timed(session.changes()) for _ in range(LOOKS)]
        print(f"{name}: changes() takes {statistics.median(samples):.1f} ms, the least {min(samples):.1f}")


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--files", type=int, nargs="*", default=[1000, 50_000])
    arguments = parser.parse_args()
    print(f"{'milliseconds':42} {'median':>8} {'least':>8} {'p90':>8} {'ratio':>8}")
    async with open_sandbox(session_policy()) as box:
        await commands(box, arguments.rounds)
    for number in arguments.files:
        for without in (frozenset({"layer"}), frozenset[str]()):
            await trees(number, without)


if __name__ == "__main__":
    asyncio.run(main())
