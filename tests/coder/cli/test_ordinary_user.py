"""`coder solve` by a user who isn't root."""

from tests.coder.cli.console import LONGEST_S
from tests.ordinary_user import run_as_ordinary_user

SOLVE = """
import sys
from pathlib import Path
import coder
from coder.cli.main import main

task = (
    "Write a Python function last(items) that returns the last element of a list, "
    "or None if the list is empty"
)
checks = ["--check", "assert last([1, 2]) == 2", "--check", "assert last([]) is None"]
recording = Path(coder.__file__).parents[1] / "tests" / "recordings" / "last.jsonl"
limits = ["--samples", "5", "--max-calls", "20", "--strategy", "repair"]
sys.exit(main(["solve", task, *checks, *limits, "--replay", str(recording)]))
"""


def test_an_ordinary_user_solves_a_task() -> None:
    done = run_as_ordinary_user(SOLVE, timeout_s=LONGEST_S)

    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("✓ solved")
    assert done.stdout.startswith("def last(items):")
