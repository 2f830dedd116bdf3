"""Attempts of one run (--samples) at once beside one of them: what this process does for each.

    python -m perf.attempts [--rounds N] [--answer-s 2]

A model that acts waits as one that thinks, edits, runs the test and is wrong, four calls an attempt. Printed
are medians: wall time, processor time of this process and of its children for each attempt.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from coder.engine.agent import solve
from coder.models.model import Answer, Asking, ChatMessage, ToolCall
from coder.models.scripted import Scripted
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.store import SqliteLog

_SEED_STEP = 1000  # between attempts
WIDTHS = (1, 8)


class Slow(Scripted):
    """Answers each attempt, known by its seed, after a time: an edit that is wrong, a command, the end."""

    def __init__(self, answer_s: float) -> None:
        super().__init__(())
        self._answer_s, self._scripts = answer_s, dict[int, Scripted]()

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Wait, and return the next answer of the attempt's script."""
        number = (asking["sampling"].seed or 0) // _SEED_STEP
        change = {"path": "calc.py", "old": "a - b", "new": f"a * b - {number + 9}"}
        edit = ToolCall(id="1", name="edit", arguments=json.dumps(change))
        test = ToolCall(id="2", name="bash", arguments='{"command": "python3 check.py"}')
        script = self._scripts.setdefault(number, Scripted([[edit], [test], *["It passes."] * 8]))
        await asyncio.sleep(self._answer_s)
        return await script.answer(messages, **asking)


def processor_s() -> tuple[float, float]:
    """Processor time so far of this process, and of its children that have ended."""
    times = os.times()
    return times.user + times.system, times.children_user + times.children_system


async def attempt_costs(count: int, answer_s: float) -> tuple[float, float, float]:
    """Return wall time of a run of `count` attempts, and processor time an attempt: ours, its programs'."""
    with tempfile.TemporaryDirectory() as top, SqliteLog(Path(top) / "log") as log:
        root = Path(top) / "project"
        root.mkdir()
        (root / "calc.py").write_text("def add(a, b):\n    return a - b\n")
        (root / "check.py").write_text("from calc import add\n\nassert add(2, 3) == 5\n")
        task = Task(prompt="Mend add.", workspace=root, test_command=("python3", "check.py"))
        settings = Settings(strategy="act", budget=Budget(samples=count, max_calls=4 * count), asks=False)
        began, before = time.perf_counter(), processor_s()
        run = await solve(task, settings=settings, model=Slow(answer_s), log=log)
        seconds, after = time.perf_counter() - began, processor_s()
    assert (run.status, run.calls) == ("limit", 4 * count), run.reason
    return seconds, (after[0] - before[0]) / count, (after[1] - before[1]) / count


async def main() -> None:
    """Measure in turns, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--answer-s", type=float, default=2.0)
    options = parser.parse_args()
    rows: dict[int, list[tuple[float, float, float]]] = {width: [] for width in WIDTHS}
    for number in range(options.rounds + 1):
        for width in WIDTHS:
            row = await attempt_costs(width, options.answer_s)
            rows[width] += [row] if number else []  # the first loads what all need
    for width, measured in rows.items():
        wall, cpu, programs = (statistics.median(column) for column in zip(*measured, strict=True))
        print(
            f"{width} attempts: {wall:.2f} s, {1000 * cpu:.0f} ms of this process and {1000 * programs:.0f} "
            "ms of programs each"
        )


if __name__ == "__main__":
    asyncio.run(main())
