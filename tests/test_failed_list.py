"""CI knows by name which tests failed, to run them again alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
TESTS = """
import pytest

def test_right(): pass

@pytest.mark.parametrize("text", ["with blanks", "é"])
def test_wrong(text): assert not text

@pytest.fixture
def broken(): raise OSError

def test_whose_fixture_breaks(broken): pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_tests_that_failed_are_listed_as_pytest_takes_them(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.failed_list"]\n')
    listed = tmp_path / "listed"

    first = run_in(tmp_path, "-n", workers, CODER_FAILED_LIST=str(listed))
    names = listed.read_text().splitlines()
    again = run_in(tmp_path, *names)

    assert first.returncode == 1, first.stdout
    assert len(names) == len(set(names)) == 3
    assert again.stdout.splitlines()[-1].startswith("2 failed, 1 error"), again.stdout


def run_in(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    # Nor the list of a run that this test is part of: what fails here is meant to.
    own = ("PYTEST_", "CODER_FAILED_LIST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(REPOSITORY)}  # ours are a dozen
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=kept | alone | environ,
        capture_output=True,
        text=True,
    )
