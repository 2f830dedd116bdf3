"""A test gets the kept baseline of another one only if nothing that a baseline depends on differs."""

from pathlib import Path
from typing import Any

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, parse
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = [KEPT, KEPT_BASELINES]
SETTINGS = Settings(plan=False, strategy="repair", budget=Budget(samples=1, max_calls=1))
CHECK = "import os\nassert 0, os.urandom(8).hex()\n"


async def baseline(folder: Path, *, value: str = "1", settings: Settings = SETTINGS, **task: Any) -> str:
    """Return the failure of a baseline; its text differs each time that one is taken."""
    folder.mkdir()
    (folder / "kept.py").write_text(f"VALUE = '{value}'\n")
    (folder / "check.py").write_text(CHECK)
    log = MemoryLog()
    fields = {"prompt": "Mend it.", "test_command": ("python3", "check.py")} | task
    run = await solve(Task(workspace=folder, **fields), model=Scripted(["No."]), settings=settings, log=log)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    (baseline_event,) = [body for body in bodies if isinstance(body, BaselineTaken)]
    return baseline_event.feedback


async def test_the_same_files_task_and_settings_have_one_baseline(tmp_path: Path) -> None:
    first = await baseline(tmp_path / "first")

    assert first
    assert await baseline(tmp_path / "second") == first
    assert await baseline(tmp_path / "third", prompt="Mend kept.py.") == first


@pytest.mark.parametrize(
    "differs",
    [
        {"value": "2"},
        {"test_command": ("python3", "-B", "check.py")},
        {"settings": SETTINGS.model_copy(update={"test_timeout": 21.0})},
        {"settings": SETTINGS.model_copy(update={"memory": 900})},
    ],
    ids=["a file", "the command", "the time limit", "the memory"],
)
async def test_another_input_has_another_baseline(tmp_path: Path, differs: dict[str, Any]) -> None:
    assert await baseline(tmp_path / "first") != await baseline(tmp_path / "second", **differs)
