"""A plugin of pytest: print what the tests of each room took, and the dearest ones, after a run of many.

Processor time is that of the worker and of all that it started, also of sandboxes that outlive a test, where
this user may make a control group for it; else of the worker and of the programs that it has waited for.

A run of all tests prints the rooms' budgets (`tests/room_budgets.py`) beside it. Where CODER_TEST_BUDGETS is
set, it fails if a room is over its own by a half, but not without control groups.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import monotonic
from typing import Any

import pytest

from tests.room_budgets import FILE, Budgets, unit_s

FEWEST = 500
"""Tests of a run after which the table is printed."""
_DEAREST = 10
_BETWEEN_UNITS_S = 60
"""Each worker measures the machine's speed about as often."""
_PROPERTY = "processor_s"
_WHAT_NEXT = (
    "Make these tests cheaper, or raise the budget in tests/room_budgets.txt, "
    "in the commit that needs it and with its reason."
)
_GROUPS = Path("/sys/fs/cgroup/cpuacct")
"""Control groups, version 1, that only count: a process may have one of its own for them."""


class ProcessorClock:
    """Counts processor time from its making on."""

    def __init__(self) -> None:
        self._group = _GROUPS / f"coder-tests-{os.getpid()}"
        self._counter: Path | None = None
        for left_over in _GROUPS.glob("coder-tests-*"):
            with suppress(OSError):  # in use, or not ours
                left_over.rmdir()
        with suppress(OSError):
            self._group.mkdir()
            (self._group / "cgroup.procs").write_text(str(os.getpid()))
            self._counter = self._group / "cpuacct.usage"

    @property
    def counts_all(self) -> bool:
        """Whether it counts programs that nobody has waited for, too."""
        return self._counter is not None

    def seconds(self) -> float:
        """Return the processor time so far."""
        if self._counter is not None:
            return int(self._counter.read_text()) / 1e9
        return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))

    def close(self) -> None:
        """Leave the control group, which is removed unless a program is still in it."""
        with suppress(OSError):
            (_GROUPS / "cgroup.procs").write_text(str(os.getpid()))
            self._group.rmdir()


class RoomCosts:
    """Adds up wall and processor seconds by room and by test."""

    def __init__(self) -> None:
        self.wall_s: defaultdict[str, float] = defaultdict(float)
        self.processor_s: defaultdict[str, float] = defaultdict(float)
        """By node id."""

    def add(self, report: pytest.TestReport) -> None:
        """Add a phase of a test; its processor time comes with the last one."""
        self.wall_s[report.nodeid] += report.duration
        self.processor_s[report.nodeid] += sum(
            float(str(value)) for name, value in report.user_properties if name == _PROPERTY
        ) * (report.when == "teardown")

    def rooms(self) -> dict[str, tuple[int, float, float]]:
        """Return tests, processor and wall seconds by room, dearest first."""
        rooms: dict[str, tuple[int, float, float]] = {}
        for test, wall_s in self.wall_s.items():
            tests, processor_s, so_far_s = rooms.get(room_of(test), (0, 0.0, 0.0))
            rooms[room_of(test)] = (tests + 1, processor_s + self.processor_s[test], so_far_s + wall_s)
        return dict(sorted(rooms.items(), key=lambda row: row[1][1], reverse=True))

    def lines(self, budgets: Budgets | None = None) -> list[str]:
        """Return the table of rooms, and the tests that took the most processor time."""
        rooms = self.rooms()
        tests, processor_s, wall_s = map(sum, zip(*rooms.values(), strict=True))
        dearest = sorted(self.processor_s.items(), key=lambda row: row[1], reverse=True)[:_DEAREST]
        budget_s = budgets.rooms if budgets else {}
        return [
            f"{'tests':>7} {'processor s':>12} {'budget':>7} {'wall s':>8}",
            *(_row(*values, budget_s.get(room), room) for room, values in rooms.items()),
            _row(int(tests), processor_s, wall_s, sum(budget_s.values()) if budgets else None, "in all"),
            "Dearest, in seconds of a processor:",
            *(f"{seconds:8.1f} {test}" for test, seconds in dearest),
        ]


def room_of(test: str) -> str:
    """Return the room of a test by its path: `coder/verify`, or `security` for one directly below it."""
    return "/".join(PurePosixPath(test.partition("::")[0]).parent.parts[1:3]) or "tests"


def _row(tests: int, processor_s: float, wall_s: float, budget_s: float | None, room: str) -> str:
    budget = "-" if budget_s is None else f"{budget_s:.0f}"
    return f"{tests:7} {processor_s:12.0f} {budget:>7} {wall_s:8.0f} {room}"


class WorkerClock:
    """Hooks of a worker: send the processor time of each test, and at the end the machine's speed."""

    def __init__(self) -> None:
        self._units_s = [unit_s()]
        self._measured = monotonic()
        self._clock = ProcessorClock()
        self._began = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None]:
        if monotonic() - self._measured > _BETWEEN_UNITS_S:
            self._units_s.append(unit_s())
            self._measured = monotonic()
        self._began = self._clock.seconds()
        yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        yield
        item.user_properties.append((_PROPERTY, self._clock.seconds() - self._began))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        session.config.workeroutput |= {  # type: ignore[attr-defined]  # pytest-xdist's
            "units_s": self._units_s,
            "counts_all": self._clock.counts_all,
        }

    def pytest_unconfigure(self) -> None:
        self._clock.close()


class CostTable:
    """Hooks of the process that reports: add up, compare with the budgets, and print after the tests."""

    def __init__(self, budgets: Budgets | None, *, is_held: bool) -> None:
        self._costs = RoomCosts()
        self._budgets = budgets
        self._is_held = is_held
        self._units_s: list[float] = []
        self._counts_all = True
        self._excesses: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._costs.add(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})  # none of a worker that crashed
        self._units_s += output.get("units_s", ())
        self._counts_all &= output.get("counts_all", True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run whose rooms took too much."""
        if self._budgets is None or not self._units_s or len(self._costs.wall_s) < FEWEST:
            return
        self._budgets = self._budgets.here(self._units_s)
        if self._counts_all:
            rooms = self._costs.rooms().items()
            self._excesses = self._budgets.excesses({room: seconds for room, (_, seconds, _) in rooms})
        if self._excesses and self._is_held and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self._costs.wall_s) < FEWEST:
            return
        terminalreporter.section("what the rooms took")
        budgets = self._budgets if self._units_s else None
        for line in (*(_notes(budgets, counts_all=self._counts_all)), *self._costs.lines(budgets)):
            terminalreporter.line(line)
        for sentence in self._excesses:
            terminalreporter.line(sentence, red=self._is_held)
        if self._excesses:
            terminalreporter.line(_WHAT_NEXT)


def _notes(budgets: Budgets | None, *, counts_all: bool) -> list[str]:
    if budgets is None:
        return []
    scale = (
        f"A fixed piece of work took {budgets.unit_s:.3f} s of a processor, by which the budgets are scaled."
    )
    if counts_all:
        return [scale]
    return [scale, "Nothing is held to its budget: without control groups, some programs aren't counted."]


def is_whole(config: pytest.Config) -> bool:
    """Whether it runs all tests of the first stage."""
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and config.option.markexpr == "not foreign"
        and not config.option.keyword
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("room_budgets", "file of the rooms' budgets", default=str(FILE))


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        config.pluginmanager.register(WorkerClock(), "room costs")
        return
    budgets = Budgets.load(Path(config.getini("room_budgets")).read_text()) if is_whole(config) else None
    is_held = bool(os.environ.get("CODER_TEST_BUDGETS"))
    config.pluginmanager.register(CostTable(budgets, is_held=is_held), "room costs")
