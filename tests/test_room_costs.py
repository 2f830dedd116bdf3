"""After a run of many tests, a table says what each room took, and which tests were the dearest."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.room_budgets import Budgets
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
    assert rows[:3] == [
        ["1", "3", "-", "3", "c"],
        ["1", "1", "-", "3", "a/b"],
        ["2", "4", "-", "6", "in", "all"],
    ]
    assert rows[4:] == [["3.0", "tests/c/test_2.py::two"], ["1.0", "tests/a/b/test_1.py::one"]]


def test_budgets_stand_beside_what_the_rooms_took() -> None:
    costs = RoomCosts()
    costs.add(report("tests/a/b/test_1.py::one", "teardown", 2.0, 1.0))

    _, *rows = [line.split() for line in costs.lines(Budgets(0.1, {"a/b": 4, "gone": 3}))]
    assert rows[:2] == [["1", "1", "4", "2", "a/b"], ["1", "1", "7", "2", "in", "all"]]


@pytest.mark.slow
def test_the_time_of_programs_that_a_test_starts_is_its_own(tmp_path: Path) -> None:
    done = run_in(tmp_path)

    dearest = done.stdout.partition("Dearest")[2].splitlines()[1].split()
    assert dearest[1] == "test_it.py::test_computes", done.stdout + done.stderr
    assert float(dearest[0]) >= 0.6
    assert "budgets" not in done.stdout, "a run of some tests has no budgets"


@pytest.mark.slow
def test_a_run_of_all_tests_fails_where_budgets_are_held_and_a_room_is_over_its_own(tmp_path: Path) -> None:
    whole = ("-m", "not foreign")
    tight, wide = "unit 1000\ntests 100\n", "unit 0.001\ntests 1\n"
    held = {"CODER_TEST_BUDGETS": "1"}

    over, in_bounds, not_held, some = (
        run_in(tmp_path, *arguments, budgets=budgets, **environ)
        for arguments, budgets, environ in (
            (whole, tight, held),
            (whole, wide, held),
            (whole, tight, {}),
            ((*whole, "test_it.py"), tight, held),
        )
    )

    assert [done.returncode for done in (in_bounds, not_held, some)] == [0, 0, 0]
    if "Nothing is held" in over.stdout:  # this user can't make control groups
        assert over.returncode == 0
    else:
        assert over.returncode == 1
        assert "The tests of tests took" in over.stdout
        assert "raise the budget" in over.stdout
        assert "raise the budget" in not_held.stdout
    assert "budgets" not in some.stdout
    assert "raise the budget" not in in_bounds.stdout


@pytest.mark.slow
def test_nothing_is_held_to_a_budget_where_some_programs_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "no_groups.py").write_text(
        "from pathlib import Path\nfrom tests import room_costs\nroom_costs._GROUPS = Path('/nowhere')\n"
    )

    done = run_in(
        tmp_path,
        "-m",
        "not foreign",
        "-p",
        "no_groups",
        budgets="unit 1000\ntests 100\n",
        CODER_TEST_BUDGETS="1",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is held to its budget" in done.stdout
    assert "took" not in done.stdout.partition("Dearest")[2]


def run_in(
    folder: Path, *arguments: str, budgets: str = "unit 1\n", **environ: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(TESTS)
    (folder / "budgets.txt").write_text(budgets)
    (folder / "pytest.ini").write_text(
        "[pytest]\ntestpaths = .\nroom_budgets = budgets.txt\nmarkers = foreign: of others\n"
    )
    return subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.room_costs", *arguments),
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{REPOSITORY}:{folder}"} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
