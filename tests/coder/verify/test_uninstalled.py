"""A project that isn't installed: its sources are put on PYTHONPATH, which is said, and is no pass."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, parse
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.render import progress
from tests.environments import make_environment
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, pytest.mark.slow]

TEST = """import unittest
from {0} import f

class Test(unittest.TestCase):
    def test_f(self):
        self.assertEqual(f(), 1)
"""
RIGHT, WRONG = "def f():\n    return 1\n", "def f():\n    return 2\n"
UNITTEST = ("python", "-m", "unittest", "test_mod")


def project(folder: Path, source: str, *, part: str = "") -> Path:
    sources = folder / part / "src"
    sources.mkdir(parents=True)
    (sources / "mod.py").write_text(source)
    (folder / "test_mod.py").write_text(TEST.format("mod"))
    (folder / part / "pyproject.toml").write_text("[project]\nname = 'mod'\nversion = '1'\n")
    return folder


def to_fix(folder: Path, *command: str) -> Task:
    return Task(prompt="Fix it.", workspace=folder, test_command=command, mends=True)


@pytest.mark.parametrize("part", ["", "packages/one"])
@pytest.mark.parametrize("command", [UNITTEST, ("sh", "tests.sh")])
async def test_what_passes_only_by_a_source_folder_that_coder_adds_is_refused_before_any_call(
    tmp_path: Path, part: str, command: tuple[str, ...]
) -> None:
    project(tmp_path, RIGHT, part=part)
    (tmp_path / "tests.sh").write_text("python3 -m unittest test_mod\n")
    model = Scripted([])

    run = await solve(to_fix(tmp_path, *command), model=model, log=MemoryLog())

    source = f"{part}/src".lstrip("/")
    text = run.error or ""
    assert (run.status, run.exit_code, run.calls) == ("error", 2, 0)
    assert f"passes only with {source} on PYTHONPATH" in text
    assert "Without it, the command fails: there is no module mod." in text
    assert f"Install it (`pip install -e {part or '.'}`), or name it" in text
    assert text.endswith(f"in the command: PYTHONPATH={source} {' '.join(command)}")


@pytest.mark.parametrize("how", ["command", "environment"])
async def test_what_passes_by_a_folder_that_the_user_names_or_has_installed_passes_already(
    tmp_path: Path, how: str
) -> None:
    folder = project(tmp_path / "project", RIGHT)
    command = UNITTEST
    if how == "command":
        command = ("PYTHONPATH=src", *command)
    else:
        (make_environment(folder / ".venv") / "mod.pth").write_text(f"{folder}/src\n")

    run = await solve(to_fix(folder, *command), model=Scripted([]), log=MemoryLog())

    assert (run.status, run.reason) == ("solved", "the command passes already: there is nothing to fix")


async def test_red_tests_get_their_sources_and_the_screen_says_so(tmp_path: Path) -> None:
    project(tmp_path, WRONG)
    log = MemoryLog()
    model = Scripted([f"`src/mod.py`\n```python\n{RIGHT}```\n"])

    run = await solve(
        to_fix(tmp_path, *UNITTEST), model=model, settings=Settings(edit_format="whole"), log=log
    )

    assert run.status == "solved"
    bodies = [parse(event) for event in await log.read(run.run_id)]
    lines = [progress(body) for body in bodies if isinstance(body, BaselineTaken)]
    assert "  · before  put on PYTHONPATH, as it isn't installed: src" in lines
