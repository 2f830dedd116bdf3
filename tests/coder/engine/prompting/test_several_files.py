"""A task about several files: each request asks for each file whole under its name, the repair's too."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

EACH = "Answer with each file whole, in a fenced block, its path alone on the line above it."
ABOVE = "whole, its path alone on the line above its block."
TEST = "from a import one\nfrom b import two\n\n\ndef test_both():\n    assert (one(), two()) == (1, 2)\n"
NEW_TEST = "from clock import now\n\n\ndef test_now():\n    assert now() == 1\n"


def named(path: str, text: str) -> str:
    return f"`{path}`\n```python\n{text}```\n"


def returns(name: str, value: int) -> str:
    return f"def {name}():\n    return {value}\n"


async def worked(folder: Path, prompt: str, *answers: str) -> tuple[Run, Scripted]:
    model = Scripted(answers)
    settings = Settings(plan=False, budget=Budget(samples=1, repairs=1, max_calls=4))
    task = Task(prompt=prompt, workspace=folder, test_command=("pytest", "-q"))
    return await solve(task, model=model, settings=settings), model


@pytest.mark.slow
async def test_a_repair_of_several_files_asks_for_each_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(returns("one", 0))
    (tmp_path / "b.py").write_text(returns("two", 0))
    (tmp_path / "test_both.py").write_text(TEST)

    run, model = await worked(
        tmp_path, "Have both right.", named("a.py", returns("one", 1)), named("b.py", returns("two", 2))
    )

    prompt = model.requests[1].messages[-1].content
    assert prompt.endswith(f"answer with each file that has to change, {ABOVE}")
    assert run.status == "solved"


@pytest.mark.slow
async def test_words_alone_about_several_files_are_asked_again_for_each(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(returns("one", 1))
    (tmp_path / "b.py").write_text(returns("two", 0))
    (tmp_path / "test_both.py").write_text(TEST)

    _, model = await worked(
        tmp_path, "Have both right.", "I shall do that.", named("b.py", returns("two", 2))
    )

    assert model.requests[1].messages[-1].content == f"Your answer changes no file. {EACH}"


@pytest.mark.slow
async def test_code_without_a_path_is_no_file_though_a_task_in_an_empty_folder_names_one(
    tmp_path: Path,
) -> None:
    code = f"```python\n{returns('now', 1)}```\n"

    run, model = await worked(
        tmp_path,
        "Write clock.py with now(), and its tests.",
        code + named("test_clock.py", NEW_TEST),
        f"`clock.py`\n{code}",
    )

    assert "No module named 'clock'" in model.requests[1].messages[-1].content
    assert run.files.keys() == {"clock.py", "test_clock.py"}
    assert run.status == "unverified"


@pytest.mark.slow
async def test_a_repair_of_one_file_and_the_tests_written_with_it_asks_for_each_under_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "clock.py").write_text(returns("now", 0))
    (tmp_path / "test_clock.py").write_text(NEW_TEST)
    more = "from clock import now\n\n\ndef test_more():\n    assert now() == 2\n"
    answer = named("clock.py", returns("now", 1)) + named("test_more.py", more)

    run, model = await worked(
        tmp_path, "Have now() right.", answer, named("test_more.py", more.replace("2", "1"))
    )

    assert model.requests[1].messages[-1].content.endswith(ABOVE)
    assert (run.status, run.files.keys()) == ("solved", {"clock.py", "test_more.py"})
