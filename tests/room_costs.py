"""A plugin of pytest: print what the tests of each room took, and the dearest ones, after a run of many.

Processor time is that of the worker and of all that it started, also of sandboxes that outlive a test, where
this user may make a control group for it; else of the worker and of the programs that it has waited for.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import pytest

FEWEST = 500
"""Tests of a run after which the table is printed."""
_DEAREST = 10
_PROPERTY = "processor_s"
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

    def lines(self) -> list[str]:
        """Return the table of rooms, dearest first, and the tests that took the most processor time."""
        rooms: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for test, wall_s in self.wall_s.items():
            for place, value in enumerate((1, self.processor_s[test], wall_s)):
                rooms[room_of(test)][place] += value
        rows = sorted(rooms.items(), key=lambda row: row[1][1], reverse=True)
        total = [sum(values) for values in zip(*rooms.values(), strict=True)]
        dearest = sorted(self.processor_s.items(), key=lambda row: row[1], reverse=True)[:_DEAREST]
        return [
            f"{'tests':>7} {'processor s':>12} {'wall s':>8}",
            *(_row(*values, room) for room, values in [*rows, ("in all", total)]),
            "Dearest, in seconds of a processor:",
            *(f"{seconds:8.1f} {test}" for test, seconds in dearest),
        ]


def room_of(test: str) -> str:
    """Return the room of a test by its path: `coder/verify`, or `security` for one directly below it."""
    return "/".join(PurePosixPath(test.partition("::")[0]).parent.parts[1:3]) or "tests"


def _row(tests: float, processor_s: float, wall_s: float, room: str) -> str:
    return f"{tests:7.0f} {processor_s:12.0f} {wall_s:8.0f} {room}"


class WorkerClock:
    """Hooks of a worker: send the processor time of each test with its report."""

    def __init__(self) -> None:
        self._clock = ProcessorClock()
        self._began = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None]:
        self._began = self._clock.seconds()
        yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        yield
        item.user_properties.append((_PROPERTY, self._clock.seconds() - self._began))

    def pytest_unconfigure(self) -> None:
        self._clock.close()


class CostTable:
    """Hooks of the process that reports: add up, and print after the tests."""

    def __init__(self) -> None:
        self._costs = RoomCosts()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._costs.add(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self._costs.wall_s) >= FEWEST:
            terminalreporter.section("what the rooms took")
            for line in self._costs.lines():
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    config.pluginmanager.register(WorkerClock() if is_worker else CostTable(), "room costs")
