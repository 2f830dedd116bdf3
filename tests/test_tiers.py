"""A test that takes long says so by a mark, or fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import own_s, slowness

REPOSITORY = Path(__file__).parent.parent
TESTS = """
import time
import pytest

def test_computes():
    began = time.process_time()
    while time.process_time() - began < 1.6: pass

@pytest.mark.slow
def test_that_says_so(): time.sleep(0.7)

@pytest.fixture
def prepared(): time.sleep(0.7)

def test_whose_fixture_waits(prepared): pass

def test_that_starts_what_others_use():
    from tests.tiers import uncounted
    with uncounted():
        time.sleep(0.7)
"""


@pytest.mark.slow
def test_a_long_test_without_the_mark_fails_and_slow_ones_begin(tmp_path: Path) -> None:
    whole, fast = run_in(tmp_path, TESTS, marks=""), run_in(tmp_path, TESTS, marks="not slow")

    assert "test_that_says_so" in next(line for line in whole.stdout.splitlines() if "PASSED" in line)
    assert "4 passed" in whole.stdout
    assert "FAILED test_it.py::test_computes" in fast.stdout
    assert "1 failed, 2 passed" in fast.stdout
    assert "mark it with pytest.mark.slow" in fast.stdout


@pytest.mark.slow
@pytest.mark.parametrize("program", ["browser", "docker_engine"])
def test_a_test_with_another_makers_program_is_of_the_second_stage(tmp_path: Path, program: str) -> None:
    source = f"""
import pytest
@pytest.fixture
def {program}(): pass
@pytest.fixture
def opened({program}): pass
def test_with_it(opened): pass
@pytest.mark.first_stage
def test_that_says_otherwise(opened): pass
@pytest.fixture
def hidden(request): request.getfixturevalue("{program}")
def test_whose_fixture_hides_it(hidden): pass
def test_without(): pass
"""
    first, second = (run_in(tmp_path, source, marks=marks) for marks in ("not foreign", "foreign"))

    assert "test_without PASSED" in first.stdout
    assert "test_that_says_otherwise PASSED" in first.stdout
    assert "test_with_it PASSED" in second.stdout
    assert "test_whose_fixture_hides_it FAILED" in first.stdout
    assert [done.stdout.count("PASSED") for done in (first, second)] == [2, 1]


def test_a_test_that_waits_takes_as_long_as_nobody_else_makes_it_wait() -> None:
    assert own_s(3, stalled_s=0, processor_s=0.1) == 3
    assert own_s(9, stalled_s=8, processor_s=0.1) == 1


def test_what_a_test_computed_counts_on_a_busy_machine_too() -> None:
    assert own_s(9, stalled_s=9, processor_s=3) == 3
    assert own_s(1, stalled_s=0, processor_s=3) == 1


def test_a_slower_machine_has_longer_limits_and_a_faster_one_no_shorter_ones() -> None:
    assert slowness(iter((10.0, 10.8)).__next__) == pytest.approx(10)
    assert slowness(iter((10.0, 10.001)).__next__) == 1


def test_our_own_tests_are_held_to_it(request: pytest.FixtureRequest) -> None:
    assert request.config.pluginmanager.has_plugin("tests.tiers")
    assert request.config.getini("unmarked_test_s") == "4"


def run_in(folder: Path, source: str, *, marks: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(source)
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.tiers"]\n')
    (folder / "pytest.ini").write_text(
        "[pytest]\nunmarked_test_s = 0.5\n"
        "markers = slow: takes long\n    foreign: of others\n    first_stage: stays\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-m", marks, "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
