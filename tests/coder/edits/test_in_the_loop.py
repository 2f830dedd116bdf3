"""Edits in a run: the form that is asked for, what is asked again, and what a repair goes on from."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, EditFormat, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

FILLER = "".join(f"NUMBER_{i} = {i}  # one of many lines\n" for i in range(300))
ADD = "def add(a, b):\n    return a - b\n"
CHECK = "assert add(2, 3) == 5"


def block(old: str, new: str, path: str = "sums.py") -> str:
    """An answer with one search/replace block."""
    return f"{path}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


WRONG = block("    return a - b\n", "    return a * b\n")
RIGHT = block("    return a - b\n", "    return a + b\n")


async def solved_by(
    folder: Path, *answers: str, filler: str = FILLER, form: EditFormat | None = None, repairs: int = 3
) -> tuple[Run, Scripted]:
    """A run on a folder with a file that is too large to be written again."""
    (folder / "sums.py").write_text(filler + ADD)
    task = Task(prompt="Mend add in sums.py.", workspace=folder, checks=(CHECK,))
    model = Scripted(answers)
    settings = Settings(edit_format=form, plan=False, budget=Budget(samples=1, repairs=repairs))
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


@pytest.mark.slow
async def test_a_large_file_is_changed_by_a_search_replace_block(tmp_path: Path) -> None:
    run, model = await solved_by(tmp_path, RIGHT)

    assert (run.status, run.calls, run.landed) == ("solved", 1, ("sums.py",))
    assert (tmp_path / "sums.py").read_text() == FILLER + ADD.replace("-", "+")
    assert "<<<<<<< SEARCH" in model.requests[0].messages[0].content


async def test_small_files_are_asked_for_whole(tmp_path: Path) -> None:
    _, model = await solved_by(tmp_path, RIGHT, filler="")

    assert "each file that you change or make, whole" in model.requests[0].messages[0].content


@pytest.mark.parametrize(("form", "words"), [("whole", "whole file"), ("search-replace", "<<<<<<< SEARCH")])
async def test_the_users_word_on_the_form_counts(tmp_path: Path, form: EditFormat, words: str) -> None:
    run, model = await solved_by(tmp_path, RIGHT, form=form)

    assert words in model.requests[0].messages[0].content
    assert run.status == "solved"


async def test_edits_that_dont_fit_are_asked_for_again_with_the_nearest_lines(tmp_path: Path) -> None:
    run, model = await solved_by(tmp_path, block("    return a -- b\n", "    return a + b\n"), RIGHT)

    prompt = model.requests[1].messages[-1].content
    assert (run.status, run.calls, run.attempts) == ("solved", 2, 1)
    assert " 302|     return a - b" in prompt
    assert "none of them was" in prompt
    assert "NUMBER_0 " not in prompt


async def test_lines_that_fit_twice_are_shown_at_each_place_instead_of_the_whole_file(tmp_path: Path) -> None:
    twice = FILLER + "def subtract(a, b):\n    return a - b\n\n\n"

    once = block("    return a - b\n", "    return a + b\n")
    _, model = await solved_by(tmp_path, once, RIGHT, filler=twice)

    prompt = model.requests[1].messages[-1].content
    assert " 301| def subtract(a, b):" in prompt
    assert " 305| def add(a, b):" in prompt
    assert "NUMBER_0 " not in prompt


async def test_a_file_without_a_line_like_those_of_an_edit_is_shown_whole(tmp_path: Path) -> None:
    strange = block("    while queue: handle(queue.pop())\n", "    pass\n")

    _, model = await solved_by(tmp_path, strange, RIGHT)

    assert "NUMBER_0 " in model.requests[1].messages[-1].content


async def test_the_request_states_the_limits_of_calls_time_and_repairs(tmp_path: Path) -> None:
    _, model = await solved_by(tmp_path, RIGHT, repairs=2)

    prompt = model.requests[0].messages[-1].content
    assert "Limits: 8 answers and 10 minutes in all; code that fails may be repaired 2 times." in prompt


async def test_edits_that_never_fit_are_asked_for_again_twice_and_change_nothing(tmp_path: Path) -> None:
    misfit = block("    return nothing at all\n", "    return a + b\n")

    run, _ = await solved_by(tmp_path, misfit, f"{misfit}\nSorry.\n", f"{misfit}\nAgain.\n", repairs=0)

    assert (run.status, run.calls, run.files) == ("unsolved", 3, {})
    assert (tmp_path / "sums.py").read_text() == FILLER + ADD


async def test_a_repair_goes_on_from_the_edits_that_were_made(tmp_path: Path) -> None:
    note = block("", "Notes.\n", "notes.txt")
    run, model = await solved_by(tmp_path, WRONG + note, block("    return a * b\n", "    return a + b\n"))

    texts = [message.content for message in model.requests[1].messages[-2:]]
    assert (run.status, run.calls) == ("solved", 2)
    assert sorted(run.landed) == ["notes.txt", "sums.py"]
    assert "    return a * b" in texts[0]
    assert "+    return a * b" in texts[1]
    assert "NUMBER_0" not in texts[1]


async def test_edits_that_break_a_file_are_asked_for_again_before_anything_is_run(tmp_path: Path) -> None:
    run, model = await solved_by(tmp_path, block("    return a - b\n", "    return (a + b\n"), RIGHT)

    prompt = model.requests[1].messages[-1].content
    assert (run.status, run.calls, run.attempts) == ("solved", 2, 1)
    assert "line 302" in prompt
    assert "was never closed" in prompt


async def test_edits_of_the_tests_are_left_out_and_the_others_made(tmp_path: Path) -> None:
    (tmp_path / "test_sums.py").write_text(
        "from sums import add\n\n\ndef test_add():\n    assert add(1, 1) == 2\n"
    )
    rigged = block("    assert add(1, 1) == 2\n", "    pass\n", "test_sums.py")

    run, _ = await solved_by(tmp_path, rigged + RIGHT)

    assert (run.status, run.landed) == ("solved", ("sums.py",))


async def test_a_draft_in_thoughts_without_their_opening_tag_is_never_made(tmp_path: Path) -> None:
    run, _ = await solved_by(tmp_path, f"Perhaps:\n\n{WRONG}No, that is wrong.\n</think>\n{RIGHT}")

    assert (run.status, run.calls, run.files["sums.py"]) == ("solved", 1, FILLER + ADD.replace("-", "+"))
