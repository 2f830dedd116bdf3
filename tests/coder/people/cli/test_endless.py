"""Tests and code that never end, met through the command line: stopped, told, and nothing written."""

import re
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, CHECK, TASK, code, solve
from tests.faulty_endpoint import faulty_endpoint, says
from tests.growing_limits import growing_limits

NEVER_ENDING = """import time, unittest, solution

class TestAdd(unittest.TestCase):
    def test_add(self):
        self.assertEqual(solution.add(2, 3), 5)
        while True: time.sleep(0.1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("means", "said"),
    [
        (
            ("--test", "python3 -m unittest"),
            r"The whole test command was stopped after \d+ s \(0 tests ran\) while test_add\.",
        ),
        # Of wall and CPU time, here and there, one is over first, and each has words of its own.
        (("--test-file", "test_add.py"), r"did(n't| not) (return|end) within \d"),
        (("--check", "while True: pass"), r"did(n't| not) (return|end) within \d"),
    ],
)
def test_tests_that_never_end_are_stopped_and_told(
    console: Console, folder: Path, means: tuple[str, str], said: str
) -> None:
    (folder / "test_add.py").write_text(NEVER_ENDING)
    before = sorted(folder.iterdir())
    once = ("--samples", "1", "--repairs", "0")

    with faulty_endpoint(says(code(ADD))) as endpoint:
        for limit_s in growing_limits(1):
            limits = ("--test-timeout", f"{limit_s:g}", "--program-timeout", f"{limit_s:g}")
            arguments = (*means, *limits, *once, "--base-url", endpoint.url, "-m", "toy")
            done = console.run("solve", TASK, str(folder), *arguments, cwd=folder)
            if re.search(said, done.err):
                break

    assert done.code == 1
    assert re.search(said, done.err)
    assert "Traceback" not in done.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
def test_code_that_never_ends_is_told_to_be_out_of_time(console: Console) -> None:
    endless = "def add(a, b):\n    while True: pass\n"

    with faulty_endpoint(says(code(endless))) as endpoint:
        for limit_s in growing_limits(1):
            done = solve(console, endpoint, *CHECK, "--max-calls", "1", "--program-timeout", f"{limit_s:g}")
            if "add(2, 3)" in done.err:
                break

    assert done.code == 3
    assert re.search(r"add\(2, 3\).* did(n't| not) (return|end) within \d", done.err)
