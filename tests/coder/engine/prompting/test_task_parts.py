"""The file that an answer is about where it names none, in a conversation."""

from dataclasses import replace

import pytest

from coder.engine.prompting.task_parts import current_target
from coder.run.event_types import RunStarted
from coder.run.records.landing import Landing
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from tests.coder.states import state_of


def conversation(*files: str, written: tuple[tuple[str, ...], ...] = ()) -> State:
    """A conversation about these files, with the paths that its earlier messages have written."""
    begun = RunStarted(
        task=Task(prompt="Go on."),
        settings=Settings(chat=True),
        model="test/model",
        files={path: StoredFile.of(b"x = 1\n") for path in files},
        target=Target(path="solution.py", is_known=False),
    )
    state = state_of([begun])
    return replace(state, steps=tuple(replace(state, landing=Landing(written=paths)) for paths in written))


@pytest.mark.parametrize(
    ("files", "written", "path"),
    [
        (("a.py", "b.py", "c.py"), (("b.py",), ("c.py",)), "c.py"),
        (("a.py", "b.py"), (("b.py",), ("gone.py",)), "b.py"),
        (("a.py", "b.toml"), (("b.toml",),), "b.toml"),
        (("a.py", "test_a.py"), (), "a.py"),
        (("a.py", "b.py"), (), "solution.py"),
    ],
)
def test_code_without_a_path_is_for_the_file_that_was_written_last_or_else_for_the_only_source(
    files: tuple[str, ...], written: tuple[tuple[str, ...], ...], path: str
) -> None:
    state = conversation(*files, written=written)

    target = current_target(state)

    assert target.path == path
