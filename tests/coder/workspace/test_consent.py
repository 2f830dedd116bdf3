"""Which edits of files that decide the verdict are offered to the user."""

import pytest

from coder.run.event_types import RunStarted
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.workspace.consent import is_given_test
from tests.coder.states import state_of


@pytest.mark.parametrize(
    ("path", "is_offered"),
    [
        ("test_a.py", True),
        ("a.py", False),
        ("test_new.py", False),
        ("test_read.py", False),
        ("Makefile", False),
        (".vscode/tasks.json", False),
    ],
)
def test_an_edit_of_a_given_test_is_offered_but_none_of_what_runs_the_tests(
    path: str, is_offered: bool
) -> None:
    files = ("a.py", "test_a.py", "test_read.py", "Makefile", ".vscode/tasks.json")
    target = Target(path="a.py", tests=(*files[1:], "test_new.py"))
    task = Task(prompt="Round to cents.", read=("test_read.py",))
    stored = {name: StoredFile.of(b"x = 1\n") for name in files}
    state = state_of([RunStarted(task=task, settings=Settings(), model="test/model", files=stored)])

    assert is_given_test(path, state, target) == is_offered
