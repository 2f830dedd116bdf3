"""What an end in words costs, and its exit code where something was to decide."""

from pathlib import Path
from typing import Any

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings, StrategyName
from coder.run.task import Task
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

WORDS = "It is done already."


async def answered_in_words(
    folder: Path, strategy: StrategyName, *, task: dict[str, Any], **settings: Any
) -> tuple[Run, int]:
    """A run whose model only says that nothing is to be done, and how often it was asked."""
    (folder / "app.py").write_text("def f():\n    return 0\n")
    model = Scripted([WORDS] * 8)
    order = Task(prompt="Make f return 1.", workspace=folder, **task)
    run = await solve(order, model=model, settings=Settings(strategy=strategy, **settings), log=MemoryLog())
    return run, len(model.requests)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["act", "repair"])
@pytest.mark.parametrize(
    "task",
    [
        {"checks": ("assert f() == 1",)},
        {"test_command": ("python", "-c", "import app; assert app.f()")},
        {"test_command": ("python", "-c", "import app; assert app.f()"), "mends": True},
    ],
    ids=["check", "test", "fix"],
)
async def test_words_where_something_was_to_decide_end_with_code_8_after_one_follow_up(
    tmp_path: Path, strategy: StrategyName, task: dict[str, Any]
) -> None:
    run, asked = await answered_in_words(tmp_path, strategy, task=task)

    assert (run.status, run.exit_code, run.words, asked) == ("answered", 8, WORDS, 2)


async def test_words_where_tests_are_required_end_with_code_8(tmp_path: Path) -> None:
    run, _ = await answered_in_words(tmp_path, "act", task={}, require="tests")

    assert (run.status, run.exit_code) == ("answered", 8)


async def test_words_of_one_of_several_attempts_that_are_compared_end_none_of_the_others(
    tmp_path: Path,
) -> None:
    task = {"checks": ("assert f() == 1",)}

    _, asked = await answered_in_words(tmp_path, "act", task=task, budget=Budget(samples=3))

    assert asked == 6


WHOLE = "Here it is.\n\napp.py\n```python\ndef f():\n    return 1\n```\n"
EXCERPT = "Look at this part.\n\napp.py\n```python\nLIMIT = 1\n```\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "status", "text"),
    [
        ((WHOLE, WHOLE), "solved", "def f():\n    return 1\n"),
        ((WORDS, WHOLE), "solved", "def f():\n    return 1\n"),
        ((WHOLE, WORDS), "answered", "def f():\n    return 0\n"),
        ((EXCERPT, EXCERPT, WORDS), "answered", "def f():\n    return 0\n"),
    ],
    ids=["told and repeated", "told", "explained", "an excerpt"],
)
async def test_a_whole_file_below_its_path_is_written_once_the_model_was_told_that_none_has_changed(
    tmp_path: Path, answers: tuple[str, ...], status: str, text: str
) -> None:
    (tmp_path / "app.py").write_text("def f():\n    return 0\n")
    command = ("python", "-c", "import app; assert app.f()")
    order = Task(prompt="Make f return 1.", workspace=tmp_path, test_command=command)

    run = await solve(order, model=Scripted(answers), settings=Settings(strategy="act"), log=MemoryLog())

    assert run.status == status
    assert (tmp_path / "app.py").read_text() == text
