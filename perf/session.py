"""What a command of a session costs beside subprocess.run, and what a session costs to open beside a run.

python -m perf.session [--rounds N] [--files N]
"""

import argparse
import asyncio
import time

from perf.sandbox import PRINT, in_turns, outside, row, timed
from sandbox import Command, Sandbox, Session, open_sandbox, session_policy

TRUE = Command(argv=("true",))


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
        taken = await in_turns(
            rounds,
            {
                'subprocess.run(["true"])': subprocess,
                "session.run(true)": lambda: timed(session.run(TRUE)),
                "session.sh(true)": lambda: timed(session.sh("true")),
                "a fresh run": lambda: timed(box.run(PRINT, fresh=True)),
                "a session opens": lambda: opening(box),
            },
        )
    for name, samples in taken.items():
        row(name, samples, taken['subprocess.run(["true"])'])


async def trees(session: Session, files: int) -> None:
    """The costs of looking at a tree."""
    await session.sh(
        f"for i in $(seq {files // 100}); do mkdir d$i; for j in $(seq 100); do echo $i > d$i/$j; done; done",
        wall_s=600,
    )
    await asyncio.sleep(0.1)  # what is younger is read again
    print(f"{files} files: the first look takes {await timed(session.rebase()):.0f} ms")
    await session.sh("echo 1 > d1/1")
    print(f"{files} files: changes() takes {await timed(session.changes()):.0f} ms")


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--files", type=int, nargs="*", default=[1000, 50_000])
    given = parser.parse_args()
    print(f"{'milliseconds':42} {'median':>8} {'least':>8} {'p90':>8} {'ratio':>8}")
    async with open_sandbox(session_policy()) as box:
        await commands(box, given.rounds)
        for files in given.files:
            async with box.session(fresh=True) as session:
                await trees(session, files)


if __name__ == "__main__":
    asyncio.run(main())
