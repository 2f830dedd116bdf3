"""Appends to the event log a second, over one run and eight at once.

Run: python -m perf.log_appends [EACH]; of the database of CODER_LOG, else of SQLite in a temporary folder.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from coder.run.events import Draft
from coder.store import EventLog, open_log

HELLO = Draft(type="hello", body={"text": "x" * 500})


async def _append(log: EventLog, run: str, count: int) -> None:
    async with log.lease(run) as token:
        for number in range(count):
            await log.append(run, [HELLO], after=number, token=token)


async def _measure(log: EventLog, each: int) -> None:
    stamp = time.time_ns()
    for runs in (1, 8):
        began = time.perf_counter()
        await asyncio.gather(*(_append(log, f"run_perf{stamp}{runs}{n}", each) for n in range(runs)))
        print(f"{runs} runs: {runs * each / (time.perf_counter() - began):,.0f} appends a second")


def main() -> None:
    """Append so many events a run (300), each on the disk before the next."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_log(None if "CODER_LOG" in os.environ else Path(folder)) as log,
    ):
        asyncio.run(_measure(log, int(sys.argv[1]) if len(sys.argv) > 1 else 300))


if __name__ == "__main__":
    main()
