"""A test that doesn't end, in a suite that is to be mended: stopped early, named with where it was."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, parse
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.render import progress
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = [KEPT, pytest.mark.slow]

ENDLESS = """import re

def count(limit):
    number = 0
    while number < limit:
        number {} 1
    return number

def is_word(text):
    return re.fullmatch({!r}, text) is not None
"""
LOOP, MATCH = ENDLESS.format("-=", "a+"), ENDLESS.format("+=", "(a|a)+b")
RIGHT = ENDLESS.format("+=", "a+b?")
TESTS = """import unittest
from mod import count, is_word

class Test(unittest.TestCase):
    def test_a(self):
        pass

    def test_count(self):
        self.assertEqual(count(3), 3)

    def test_word(self):
        self.assertTrue(is_word("a" * 60))
"""
SETTINGS = Settings(edit_format="whole", test_timeout=40)  # 2 s for one test, 4 s alone
SLOW = (
    "import time, unittest\n\nclass Slow(unittest.TestCase):\n    def test(self):\n        time.sleep({})\n"
)
UNITTEST, PYTEST = ("python", "-m", "unittest"), ("pytest", "-q")


async def run_on(
    folder: Path, files: dict[str, str], *command: str, answer: str = RIGHT
) -> tuple[Run, BaselineTaken]:
    for path, text in files.items():
        (folder / path).write_text(text)
    log, task = MemoryLog(), Task(prompt="Fix it.", workspace=folder, test_command=command, mends=True)
    model = Scripted([f"`mod.py`\n```python\n{answer}```\n"])
    run = await solve(task, model=model, settings=SETTINGS, log=log)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    return run, [body for body in bodies if isinstance(body, BaselineTaken)][-1]


@pytest.mark.parametrize(
    ("wrong", "test", "function"), [(LOOP, "count", "count"), (MATCH, "word", "fullmatch")]
)
@pytest.mark.parametrize("command", [UNITTEST, PYTEST])
async def test_an_endless_test_is_named_with_where_it_was_and_is_mended(
    tmp_path: Path, command: tuple[str, ...], wrong: str, test: str, function: str
) -> None:
    run, baseline = await run_on(tmp_path, {"mod.py": wrong, "test_mod.py": TESTS}, *command)

    assert baseline.endless.endswith(f"test_{test}")
    assert "It was stopped, as it hadn't ended after 4 s." in baseline.feedback
    assert f"in {function}" in baseline.feedback
    assert baseline.first is not None
    assert baseline.first.path == "mod.py"
    assert baseline.seconds < 20
    assert f"test_{test} doesn't end, and was stopped" in (progress(baseline) or "")
    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason


async def test_a_slow_test_that_ends_alone_keeps_no_other_test_from_running(tmp_path: Path) -> None:
    wrong = RIGHT.replace("return number", "return number + 1")
    files = {"mod.py": wrong, "test_mod.py": TESTS, "test_a.py": SLOW.format(3)}

    run, baseline = await run_on(tmp_path, files, *UNITTEST)

    assert (baseline.endless, baseline.is_cut, len(baseline.tests)) == ("", False, 4)
    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason
