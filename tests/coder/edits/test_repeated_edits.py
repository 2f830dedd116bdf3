"""An edit that still fits its own result is made once, however often the model answers with it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.edits.answer import read_answer
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

APP = "import os\n\n\ndef f():\n    a = 1\n    return a\n"
ABOVE = "app.py\n<<<<<<< SEARCH\ndef f():\n=======\n@cached\ndef f():\n>>>>>>> REPLACE\n"
BELOW = "app.py\n<<<<<<< SEARCH\n    a = 1\n=======\n    a = 1\n    b = 2\n>>>>>>> REPLACE\n"
SHIFTED = "app.py\n<<<<<<< SEARCH\na = 1\n=======\na = 1\nb = 2\n>>>>>>> REPLACE\n"
DIFF = "--- a/app.py\n+++ b/app.py\n@@ -4,2 +4,3 @@\n def f():\n+    b = 2  # doubled\n     a = 1\n"
BARE = "--- a/app.py\n+++ b/app.py\n@@ -1,0 +2 @@\n+import re\n"
PATCH = "*** Begin Patch\n*** Update File: app.py\n@@\n import os\n+import re\n*** End Patch\n"
FORMS = {"above": ABOVE, "below": BELOW, "shifted": SHIFTED, "diff": DIFF, "bare": BARE, "patch": PATCH}


def made(answer: str, files: dict[str, str | None]) -> dict[str, str | None]:
    """The files after an answer of a model whose work began with APP."""
    return files | read_answer(answer, files, default="", originals={"app.py": APP}).files


@pytest.mark.parametrize("form", FORMS)
def test_the_same_answer_again_changes_nothing(form: str) -> None:
    once = made(FORMS[form], {"app.py": APP})

    assert once != {"app.py": APP}
    assert made(FORMS[form], once) == once


@pytest.mark.parametrize("form", FORMS)
def test_an_edit_that_stands_twice_in_one_answer_is_made_once(form: str) -> None:
    assert made(FORMS[form] * 2, {"app.py": APP}) == made(FORMS[form], {"app.py": APP})


def test_an_edit_whose_result_the_user_had_before_is_made() -> None:
    files: dict[str, str | None] = {"app.py": "@cached\ndef f():\n    pass\n"}

    assert read_answer(ABOVE, files, default="", originals=files).files["app.py"] == (
        "@cached\n@cached\ndef f():\n    pass\n"
    )


LINES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)


@given(LINES, LINES, st.data())
def test_no_addition_is_made_twice(lines: list[str], added: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}{line}\n" for line in lines)
    line = data.draw(st.sampled_from(text.splitlines()))
    new = "".join(f"+{one}\n" for one in added)
    parts = (f"{new}{line}\n", f"{line}\n{new}")
    answer = f"x.txt\n<<<<<<< SEARCH\n{line}\n=======\n{data.draw(st.sampled_from(parts))}>>>>>>> REPLACE\n"
    files: dict[str, str | None] = {"x.txt": text}

    once = read_answer(answer, files, default="", originals=files).files
    again = read_answer(answer, once, default="", originals=files)

    assert once
    assert again.files in ({}, once)


async def test_a_model_with_tools_that_repeats_what_fitted_beside_its_mended_edit_makes_it_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.py").write_text(APP)
    wrong = BELOW.replace("a = 1", "a = 3")
    model = Scripted([ABOVE + wrong, ABOVE + BELOW])
    task = Task(prompt="Cache f.", workspace=tmp_path)
    settings = Settings(strategy="act", accept_unverified=True)

    run = await solve(task, model=model, settings=settings, log=MemoryLog())

    assert run.files["app.py"] == APP.replace("def f", "@cached\ndef f").replace("1\n", "1\n    b = 2\n")


async def test_a_model_without_tools_that_repeats_its_failed_edit_makes_it_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    model = Scripted([BELOW] * 8)
    task = Task(prompt="Mend f.", workspace=tmp_path, checks=("assert f() == 2",))
    settings = Settings(strategy="repair", edit_format="search-replace")

    run = await solve(task, model=model, settings=settings, log=MemoryLog())

    assert {text.count("b = 2") for text in run.files.values()} <= {1}
    assert run.status in ("unsolved", "stuck")
