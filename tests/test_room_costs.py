"""After a run of many tests, a table says what each room took, and which tests were the dearest."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.room_costs import RoomCosts, room_of

REPOSITORY = Path(__file__).parent.parent
TESTS = r"""
import subprocess, sys, time, pytest

WORK = "import time\nwhile time.process_time() < 0.6: pass"

def test_waits(): time.sleep(0.3)
def test_computes(): subprocess.run([sys.executable, "-c", WORK], check=True)
@pytest.mark.parametrize("number", range(500))
def test_nothing(number): pass
"""


def report(test: str, when: str, seconds: float, processor_s: float | None = None) -> Any:
    properties = [] if processor_s is None else [("processor_s", processor_s)]
    return SimpleNamespace(nodeid=test, when=when, duration=seconds, user_properties=properties)


def test_a_room_is_the_two_folders_of_a_test() -> None:
    places = (
        "tests/coder/verify/inside/test_a.py::test",
        "tests/security/test_b.py::test[x::y]",
        "tests/test_c.py::t",
    )

    assert [*map(room_of, places)] == ["coder/verify", "security", "tests"]


def test_phases_of_a_test_and_tests_of_a_room_are_added_up_and_the_dearest_room_is_first() -> None:
    costs = RoomCosts()
    for test, processor_s in (("tests/a/b/test_1.py::one", 1.0), ("tests/c/test_2.py::two", 3.0)):
        costs.add(report(test, "setup", 0.5))
        costs.add(report(test, "call", 2.0))
        costs.add(report(test, "teardown", 0.5, processor_s))

    _, *rows = [line.split() for line in costs.lines()]
    assert rows[:3] == [["1", "3", "3", "c"], ["1", "1", "3", "a/b"], ["2", "4", "6", "in", "all"]]
    assert rows[4:] == [["3.0", "tests/c/test_2.py::two"], ["1.0", "tests/a/b/test_1.py::one"]]


@pytest.mark.slow
def test_the_time_of_programs_that_a_test_starts_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.room_costs", "test_it.py"),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )

    dearest = done.stdout.partition("Dearest")[2].splitlines()[1].split()
    assert dearest[1] == "test_it.py::test_computes", done.stdout + done.stderr
    assert float(dearest[0]) >= 0.6
