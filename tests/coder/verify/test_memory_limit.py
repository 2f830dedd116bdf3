"""A test command that the usual limit of memory ended before the work: the run is refused."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.found_tests import FoundTests
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, pytest.mark.slow]

GREEDY = """import unittest

class Test(unittest.TestCase):
    def test_big(self):
        bytearray(900_000_000)
"""
RED = "    def test_add(self):\n        self.assertEqual(1 - 1, 2)\n"


async def run_on(folder: Path, tests: str, *, memory: int = 512) -> Run:
    (folder / "test_sums.py").write_text(tests)
    command = ("python", "-m", "unittest")
    task = Task(prompt="Fix it.", workspace=folder, test_command=command, mends=True)
    settings = Settings(edit_format="whole", memory=memory)
    return await solve(task, model=Scripted(["I can't."]), settings=settings, log=MemoryLog())


async def test_no_model_is_asked_and_the_flag_is_named(tmp_path: Path) -> None:
    run = await run_on(tmp_path, GREEDY)

    assert (run.status, run.exit_code, run.calls) == ("error", 5, 0)
    assert "limit of 512 MiB" in (run.error or "")
    assert "--memory 2048" in (run.error or "")


async def test_a_found_command_that_the_limit_ends_gives_way_to_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "test_sums.py").write_text(GREEDY)
    (tmp_path / "test_add.py").write_text(
        GREEDY.replace("bytearray(900_000_000)", "self.assertEqual(1 - 1, 2)")
    )
    whole, part = ("python", "-m", "unittest", "test_sums"), ("python", "-m", "unittest", "test_add")
    found = tuple(FoundTests(argv=command, place="Makefile") for command in (whole, part))
    task = Task(prompt="Fix it.", workspace=tmp_path, test_command=whole, found=found, mends=True)

    run = await solve(task, model=Scripted(["I can't."]), settings=Settings(), log=MemoryLog())

    assert run.calls > 0, run.error


@pytest.mark.parametrize(("tests", "memory"), [(GREEDY, 500), (GREEDY + RED, 512)])
async def test_at_a_given_limit_and_beside_a_failed_assertion_the_model_is_asked(
    tmp_path: Path, tests: str, memory: int
) -> None:
    run = await run_on(tmp_path, tests, memory=memory)

    assert run.exit_code != 5
    assert run.calls > 0
