"""Passing tests that run again apart from the code: which failures there count, and how long it takes."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import ConfirmationStarted, Spoken, parse
from coder.run.message import OutcomeMessage
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Watch
from coder.verify import confirmation
from coder.verify.verification import Verification
from sandbox import CheckReport
from tests.growing_limits import growing_limits
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES, pytest.mark.slow]

WRONG = "def weigh():\n    return 1\n"
RIGHT = "def weigh():\n    return 2\n"
TEST = "from scale import weigh\n\n\ndef test_weigh():\n    assert weigh() == 2\n"
BESIDE = """import sys


def is_beside():
    frame = sys._getframe()
    while frame is not None:
        if "test_" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


"""
"""Code that finds out whether the test that calls it shares its process."""


async def mended(
    folder: Path,
    files: Mapping[str, str],
    code: str = RIGHT,
    *,
    command: str = "pytest -q",
    log: MemoryLog | None = None,
    watch: Watch | None = None,
) -> Run:
    """A run of a test command on a folder in which `scale.py` is replaced by this code."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    path = next(path for path in files if path.endswith("scale.py"))
    task = Task(prompt="Mend it.", workspace=folder, test_command=tuple(command.split()), mends=True)
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    answer = Scripted([f"**{path}**\n```python\n{code}```\n"])
    return await solve(task, model=answer, settings=settings, log=log or MemoryLog(), watch=watch)


LAYOUTS = {
    "beside its module": ({"web/scale.py": WRONG, "web/test_scale.py": TEST}, "pytest -q"),
    "beside its module, by unittest": (
        {
            "web/scale.py": WRONG,
            "web/test_scale.py": "import unittest\nfrom scale import weigh\n\n\nclass T(unittest.TestCase):\n"
            "    def test_weigh(self):\n        self.assertEqual(weigh(), 2)\n",
        },
        "python3 -m unittest discover -s web",
    ),
    "beside a module that imports another one": (
        {
            "web/scale.py": "import units\n\n\n" + WRONG,
            "web/units.py": "",
            "web/test_scale.py": TEST,
        },
        "pytest -q",
    ),
    "with a helper beside it": (
        {
            "scale.py": WRONG,
            "tests/helper.py": "EXPECTED = 2\n",
            "tests/test_scale.py": "from helper import EXPECTED\n" + TEST,
        },
        "python3 -m pytest -q",
    ),
    "in a package, with a helper": (
        {
            "scale.py": WRONG,
            "tests/__init__.py": "",
            "tests/helper.py": "EXPECTED = 2\n",
            "tests/test_scale.py": "from .helper import EXPECTED\n" + TEST,
        },
        "pytest -q",
    ),
    "below a conftest.py": (
        {"web/scale.py": WRONG, "web/conftest.py": "", "web/t/test_a.py": TEST},
        "pytest -q",
    ),
    "in a source folder": (
        {"src/scale.py": WRONG, "tests/test_a.py": TEST, "pytest.ini": "[pytest]\npythonpath = src\n"},
        "pytest -q",
    ),
    "by importlib": (
        {
            "web/scale.py": WRONG,
            "web/test_a.py": TEST,
            "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\npythonpath = web\n",
        },
        "pytest -q",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_a_test_finds_the_code_apart_from_it_where_pytest_does(layout: str, tmp_path: Path) -> None:
    files, command = LAYOUTS[layout]
    code = RIGHT.replace("def", "import units\n\n\ndef", 1) if "web/units.py" in files else RIGHT

    run = await mended(tmp_path, files, code, command=command)

    assert (run.status, run.strength) == ("solved", "outside"), run.reason


UNCONFIRMED = {
    "a plugin of pytest prepares the process": (
        {
            "scale.py": WRONG,
            "plugin.py": "import os\nos.environ['WEIGHT'] = '2'\n",
            "test_a.py": TEST,
            "pytest.ini": "[pytest]\naddopts = -p plugin\npythonpath = .\n",
        },
        "import os\n\n\ndef weigh():\n    return int(os.environ['WEIGHT'])\n",
    ),
    "a module is imported by a hook": (
        {
            "scale.py": WRONG,
            "plugin.py": "import sys, types\nsys.modules['units'] = types.ModuleType('units')\n",
            "test_a.py": TEST,
            "pytest.ini": "[pytest]\naddopts = -p plugin\npythonpath = .\n",
        },
        "import units\n" + RIGHT,
    ),
    "two folders have a module of this name": (
        {
            "scale.py": "def weigh():\n    return 0\n",
            "web/scale.py": WRONG,
            "web/test_a.py": TEST,
        },
        RIGHT,
    ),
    "a value can't be copied": (
        {
            "scale.py": WRONG,
            "test_a.py": "from scale import weigh\n\n\ndef test_weigh():\n    assert weigh() != 1\n",
        },
        "def weigh():\n    value = []\n    for _ in range(5000):\n        value = [value]\n"
        "    return value\n",
    ),
}


@pytest.mark.parametrize("reason", UNCONFIRMED)
async def test_a_right_change_that_cannot_be_confirmed_apart_from_the_code_stands(
    reason: str, tmp_path: Path
) -> None:
    files, code = UNCONFIRMED[reason]
    files = dict(sorted(files.items(), key=lambda item: not item[0].startswith("web/")))

    run = await mended(tmp_path, files, code)

    assert (run.status, run.strength) == ("solved", "inside"), run.reason


async def test_a_comparison_that_came_out_differently_refutes_a_test_beside_its_module(
    tmp_path: Path,
) -> None:
    code = f"{BESIDE}def weigh():\n    return 2 if is_beside() else 1\n"

    run = await mended(tmp_path, {"web/scale.py": WRONG, "web/test_scale.py": TEST}, code)

    assert run.status == "unsolved"


async def test_once_a_test_cannot_be_confirmed_the_others_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "_EXTRA_S", 1e6)  # so the others would have the whole time of the tests
    monkeypatch.setattr(confirmation, "_MAX_EXTRA_S", 1e6)
    walls_s, run_checks = list[float](), Verification.run_checks

    async def noted(verification: Verification, *arguments: Any, **how: Any) -> CheckReport:
        report = await run_checks(verification, *arguments, **how)
        walls_s.append(report.checker.wall_s)
        return report

    monkeypatch.setattr(Verification, "run_checks", noted)
    imports = "import time, types\nimport scale\n\n\n"
    files = {
        "scale.py": WRONG,
        "test_a.py": TEST,
        "test_b.py": f"{imports}def test_kind(tmp_path):\n    assert type(scale) is types.ModuleType\n",
        "test_c.py": f"{imports}def test_slow(tmp_path):\n"
        "    time.sleep(0 if type(scale) is types.ModuleType else 600)\n",
    }

    run = await mended(tmp_path, files)

    assert (run.status, run.strength) == ("solved", "inside"), run.reason
    assert max(walls_s) < 300


async def test_a_confirmation_is_named_in_the_log(tmp_path: Path) -> None:
    log = MemoryLog()

    run = await mended(tmp_path, {"scale.py": WRONG, "test_a.py": TEST}, log=log)

    bodies = [parse(event) for event in await log.read(run.run_id)]
    assert [body.tests for body in bodies if isinstance(body, ConfirmationStarted)] == [1]


APART = """import time, types
import scale


def is_cut():
    return type(scale) is not types.ModuleType and {0}


def test_slow():
    assert scale.weigh() == 2
    if is_cut():
        open("again", "w").close()
        time.sleep(600)
"""
"""A test that its time limit cuts off apart from the code, under a condition."""
FIRST_TIME = 'not __import__("os").path.exists("again")'


async def test_what_time_cut_off_apart_from_the_code_is_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"scale.py": WRONG, "test_scale.py": TEST, "test_slow.py": APART.format(FIRST_TIME)}
    for extra_s in growing_limits(1):  # a second try, too, has to be long enough for a busy machine
        monkeypatch.setattr(confirmation, "_EXTRA_S", extra_s)
        start = time.monotonic()
        run = await mended(tmp_path, files)
        if run.strength == "outside":
            break

    assert (run.status, run.strength) == ("solved", "outside"), run.reason
    assert time.monotonic() - start > extra_s  # the first try had its whole time


async def test_what_time_cuts_off_twice_is_named_and_the_change_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"scale.py": WRONG, "test_scale.py": TEST, "test_slow.py": APART.format(True)}
    for extra_s in growing_limits(1):
        monkeypatch.setattr(confirmation, "_EXTRA_S", extra_s)
        log = MemoryLog()
        run = await mended(tmp_path, files, log=log)
        bodies = [parse(event) for event in await log.read(run.run_id)]
        outcome = next(
            body.message.outcome
            for body in bodies
            if isinstance(body, Spoken) and isinstance(body.message, OutcomeMessage)
        )
        if "test_scale" not in outcome.note:  # which a busy machine may not have got to
            break

    assert (run.status, run.strength) == ("solved", "inside"), run.reason
    assert re.fullmatch(
        r"not confirmed apart from the code, in \d+ s: test_slow.py::test_slow", outcome.note
    ), outcome.note
