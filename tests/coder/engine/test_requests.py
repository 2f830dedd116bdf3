"""Which runs a client of a server may see."""

from pathlib import Path

import pytest

from coder.engine.requests import is_visible
from coder.run.event_types import RunStarted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.states import events


@pytest.mark.parametrize(
    ("workspace", "settings", "client", "is_seen"),
    [
        ("served/project", Settings(), None, True),
        ("served/project", Settings(client="bob"), "ada", True),
        ("elsewhere", Settings(), None, False),
        ("served/../elsewhere", Settings(client="ada"), "ada", False),
        (None, Settings(), None, True),
        (None, Settings(), "ada", False),
        (None, Settings(client="ada"), "ada", True),
        (None, Settings(client="ada"), "bob", False),
    ],
)
def test_a_client_sees_runs_below_its_folder_and_its_own_without_one(
    tmp_path: Path, workspace: str | None, settings: Settings, client: str | None, is_seen: bool
) -> None:
    task = Task(prompt="Add.", workspace=tmp_path / workspace if workspace else None)
    (first,) = events([RunStarted(task=task, settings=settings, model="test/model")])

    assert is_visible(first, tmp_path / "served", client) == is_seen
