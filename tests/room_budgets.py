"""What the tests of each room may take: the budgets of `tests/room_budgets.txt`, in seconds of a processor.

    .venv/bin/python -m tests.room_budgets LOG

writes them anew from the table in what a run of all tests has printed, which `tests/room_costs.py` makes.

Machines differ in speed: the file also holds how long a fixed piece of work took on the machine of the
budgets, which hold in proportion on another one. A run does that work at several moments; the median counts.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FILE = Path(__file__).with_suffix(".txt")
_OVER = 0.5
"""Part of a budget by which its room may be over it."""
_SLACK_S = 5.0
"""By this much any room may be over its budget: what a worker's first tests start counts for their rooms."""

_WORK = "import asyncio, json, subprocess; sum(number * number for number in range(300_000))"
"""What tests do: start programs, import modules, compute."""
_UNIT = "unit"
_UNIT_LINE = re.compile(r"^A fixed piece of work took (?P<seconds>[\d.]+) s\b", re.MULTILINE)
_ROOM_LINE = re.compile(r"^ *\d+ +(?P<seconds>\d+) +(?:\d+|-) +\d+ (?P<room>\S+)$", re.MULTILINE)


def unit_s() -> float:
    """Return how long the fixed piece of work takes now, in seconds of a processor."""
    program = getattr(sys, "_base_executable", sys.executable)
    child = os.posix_spawn(program, (program, "-I", "-S", "-c", _WORK), os.environ)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{program} ended with status {status} instead of doing a fixed piece of work")
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class Budgets:
    """Seconds of a processor by room, on a machine where the fixed piece of work takes `unit_s`."""

    unit_s: float
    rooms: Mapping[str, float]
    slack_s: float = _SLACK_S

    @classmethod
    def load(cls, text: str) -> "Budgets":
        """Return the budgets of a file's text: lines of a name and of seconds."""
        lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
        seconds = {name: float(value) for name, value in lines}
        return cls(seconds.pop(_UNIT), seconds)

    @classmethod
    def of_table(cls, printed: str) -> "Budgets":
        """Return what the rooms took by the last table in what a run printed.

        Raises:
            ValueError: There is no table of a whole run.
        """
        units = [*_UNIT_LINE.finditer(printed)]
        table = printed[units[-1].start() :] if units else ""
        rooms = {line["room"]: float(line["seconds"]) for line in _ROOM_LINE.finditer(table)}
        if not rooms:
            raise ValueError("it holds no table of budgets, which `./run test` prints at its end")
        return cls(float(units[-1]["seconds"]), rooms)

    def dump(self) -> str:
        """Return the text of the file, the dearest room first."""
        rows = sorted(self.rooms.items(), key=lambda row: (-row[1], row[0]))
        return "".join(
            (
                "# Seconds of a processor that each room's tests take, and a fixed piece of work (unit).\n",
                "# Written by `python -m tests.room_budgets LOG`; CONTRIBUTING.md says when.\n",
                f"{_UNIT} {self.unit_s:.3f}\n",
                *(f"{room} {seconds:.0f}\n" for room, seconds in rows),
            )
        )

    def here(self, units_s: Sequence[float]) -> "Budgets":
        """Return the budgets on a machine where the fixed piece of work took this long each time."""
        unit_here_s = median(units_s)
        factor = unit_here_s / self.unit_s
        rooms = {room: seconds * factor for room, seconds in self.rooms.items()}
        return Budgets(unit_here_s, rooms, self.slack_s * factor)

    def excesses(self, took_s: Mapping[str, float]) -> list[str]:
        """Return a sentence for each room that took too much; one without a budget may take the slack."""
        sentences = []
        for room, seconds in took_s.items():
            budget_s = self.rooms.get(room, 0.0)
            if seconds > budget_s + max(budget_s * _OVER, self.slack_s):
                allowed = f"its budget is {budget_s:.0f}" if room in self.rooms else "it has no budget"
                sentences.append(f"The tests of {room} took {seconds:.0f} s of a processor, and {allowed}.")
        return sentences


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the budgets from a run's output."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("log", type=Path, help="what `./run test` printed on an idle machine")
    log = parser.parse_args(arguments).log
    try:
        budgets = Budgets.of_table(log.read_text())
    except (OSError, ValueError) as error:
        parser.error(f"{log} can't be used: {error}")
    FILE.write_text(budgets.dump())
    print(f"wrote {len(budgets.rooms)} budgets to {FILE}")


if __name__ == "__main__":
    main()
