"""Code without tests is run without arguments, which decides nothing."""

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import parse
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.render import progress
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

NEEDS_MORE = {
    "arguments": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('old')\nprint(p.parse_args().old)\n",
        "the following arguments are required: old",
    ),
    "an argument that it takes by index": ("import sys\nprint(sys.argv[1])\n", "IndexError"),
    "a variable": ("import os\nprint(os.environ['TOKEN'])\n", "KeyError: 'TOKEN'"),
    "a file": ("print(open('rows.csv').read())\n", "FileNotFoundError"),
    "input": ("print(input())\n", "EOFError"),
    "an end from outside": ("import time\nwhile True: time.sleep(1)\n", "stopped after 1 s"),
    "a status of its own": ("raise SystemExit(3)\n", "exit code 3"),
    "another assertion of its arguments": ("import sys\nassert len(sys.argv) == 3\n", "AssertionError"),
}


async def solved(source: str, *, limit_s: float = 60) -> tuple[Run, Scripted, list[str]]:
    """A run whose first answer is this file, its model, and its lines on the screen."""
    model = Scripted([f"**tool.py**\n```python\n{source}```\n"])
    settings = Settings(strategy="repair", budget=Budget(max_calls=2), program_timeout=limit_s)
    log, task = MemoryLog(), Task(prompt="Write tool.py, which renames files.")
    run = await solve(task, model=model, settings=settings, log=log)
    lines = [progress(parse(event)) for event in await log.read(run.run_id)]
    return run, model, [line for line in lines if line is not None]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "words"), NEEDS_MORE.values(), ids=NEEDS_MORE.keys())
async def test_a_program_that_needs_more_than_its_name_is_offered_unverified(source: str, words: str) -> None:
    run, model, lines = await solved(source, limit_s=1 if words == "stopped after 1 s" else 60)

    assert (run.status, run.verified, len(model.requests)) == ("unverified", "none", 1)
    assert any("ran; `python3 tool.py` without arguments: " in line and words in line for line in lines)
    assert run.files == {"tool.py": source}


@pytest.mark.slow
async def test_code_that_is_no_python_goes_back_to_its_model() -> None:
    run, model, _ = await solved("def rename(:\n")

    assert (run.status, len(model.requests)) == ("error", 1)
    assert "one more was asked for" in run.reason


@pytest.mark.slow
async def test_a_program_that_ends_well_without_arguments_is_unverified_too() -> None:
    run, _, _ = await solved("assert 1 + 1 == 2\n")

    assert (run.status, run.verified) == ("unverified", "self")
