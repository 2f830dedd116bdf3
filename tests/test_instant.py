"""Instant tests are found by names, and one that starts something all the same fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import asyncio, functools, subprocess, sys
import pytest
from sandbox import open_sandbox
from coder.base.text.sanitize import one_line

class Opened:
    def __enter__(self): return subprocess.run([sys.executable, "-c", ""])
    def __exit__(self, *_): pass

@pytest.fixture
def opened():
    with Opened(): yield

@pytest.fixture
def by_string(request): return request.getfixturevalue("opened")

def test_of_words(): assert one_line("a") == "a"
def test_by_fixture(opened): pass
def test_by_string(by_string): pass
async def use_sandbox():
    async with open_sandbox(): pass
def test_with_a_sandbox(): asyncio.run(use_sandbox())
@pytest.mark.parametrize("start", [functools.partial(subprocess.run, ["true"])])
def test_by_argument(start): start()
@pytest.mark.slow
def test_that_is_slow(): pass
def test_in_a_hidden_way(): vars(subprocess)["Po" + "pen"](["true"]).wait()
@pytest.mark.usefixtures("starts_something")
def test_that_says_so(): vars(subprocess)["Po" + "pen"](["true"]).wait()
"""


@pytest.mark.slow
def test_what_starts_something_by_its_names_is_not_instant_and_others_that_do_fail(
    tmp_path: Path,
) -> None:
    ended = run_in(tmp_path, "instant")

    assert "test_of_words PASSED" in ended.stdout
    assert "test_in_a_hidden_way FAILED" in ended.stdout
    assert "let it use the fixture starts_something" in ended.stdout
    assert "1 failed, 1 passed, 6 deselected" in ended.stdout


@pytest.mark.slow
def test_every_run_finds_a_test_that_is_instant_by_its_names_alone(tmp_path: Path) -> None:
    ended = run_in(tmp_path, "not foreign")

    assert "1 failed, 7 passed" in ended.stdout
    assert "FAILED test_it.py::test_in_a_hidden_way" in ended.stdout


def test_our_own_tests_are_held_to_it(request: pytest.FixtureRequest) -> None:
    assert request.config.pluginmanager.has_plugin("tests.instant")


def run_in(folder: Path, marks: str) -> "subprocess.CompletedProcess[str]":
    """Run the tests above in a folder of their own."""
    (folder / "test_it.py").write_text(TESTS)
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.instant"]\n')
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers = slow: takes long\n    instant: starts nothing\n    foreign: of others\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-m", marks, "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
