"""Time of a flow's step with the SQLite log: 1,000 mapped items, and a resume that takes all from the log.

Run: python -m perf.flow_steps [ITEMS]
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from coder.flows import Flow, resume_flow, run_flow
from coder.store import SqliteLog


async def double(number: int) -> int:
    return 2 * number


async def doubles(flow: Flow, count: int) -> int:
    results = await flow.map("double", double, range(count))
    await flow.ask("Go on?")
    return sum(results)


async def _measure(count: int, folder: Path) -> None:
    with SqliteLog(folder) as log:
        began, cpu_s = time.perf_counter(), time.process_time()
        run = await run_flow(doubles, count, log=log, folder=folder)
        first_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
        began = time.perf_counter()
        finished = await resume_flow(run.run_id, doubles, answer="yes", log=log)
        resumed_s = time.perf_counter() - began
    assert finished.answer == count * (count - 1), finished.error
    print(
        f"{count:,} steps: {1000 * first_s / count:.2f} ms each, {1000 * cpu_s / count:.2f} of the processor"
    )
    print(f"resumed: {1000 * resumed_s / count:.2f} ms for each recorded step")


def main() -> None:
    """Measure with so many items (1,000)."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, Path(folder)))


if __name__ == "__main__":
    main()
