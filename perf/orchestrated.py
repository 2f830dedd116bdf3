"""The toy task by an Orchestrated team beside `repair`, with a model that answers at once and no stall.

    python -m perf.orchestrated [--rounds N]

Both fail once and are then right, with the log in SQLite; the team also plans. Printed are medians.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from coder.engine.agent import solve
from coder.engine.teams import Member, Orchestrated
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import SqliteLog

TASK = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
WRONG, RIGHT = (f"```python\ndef add(a, b):\n    return a {sign} b\n```" for sign in "-+")
PLAN = '{"facts": "", "steps": [{"member": "coder", "do": "write it"}, {"member": "coder", "do": "mend it"}]}'


async def took(log: SqliteLog, *, is_team: bool) -> float:
    """Seconds of one run."""
    team = Orchestrated((Member("coder", acts=False),)) if is_team else None
    model = Scripted([*([PLAN] if is_team else []), WRONG, RIGHT])
    settings = Settings() if is_team else Settings(strategy="repair")
    began = time.perf_counter()
    run = await solve(TASK, team=team, settings=settings, model=model, log=log)
    assert run.status == "solved", run.reason
    return time.perf_counter() - began


async def compared(rounds: int) -> None:
    """Run both in turn, and print."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder)) as log:
        for number in range(rounds + 1):
            for is_team, times in seconds.items():
                one = await took(log, is_team=is_team)
                times += [one] if number else []  # the first loads what both need
    repair, team = (statistics.median(times) for times in seconds.values())
    print(f"repair {repair:.3f} s, orchestrated {team:.3f} s: {team / repair:.2f} of it")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    asyncio.run(compared(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
