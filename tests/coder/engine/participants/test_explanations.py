"""Explanations through a whole run: after a question and after an order, none changes a byte."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.edits.test_explanations import EXPLANATIONS, FILES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

ACTS = Settings(strategy="act")
REQUESTS = {"How does adding an item work?": 1, "Make adding faster, and change app.py for it.": 2}
"""A question and an order, with the calls that an end in words after each may cost."""
ADD_JS, RUN_SH, NOTES_MD = (
    next(text for text in EXPLANATIONS if f"{path}\n```" in text) for path in ("add.js", "run.sh", "notes.md")
)
WITHOUT_FILES = [text for text in EXPLANATIONS if text not in (ADD_JS, RUN_SH, NOTES_MD)]
"""The others hold whole files of a model without tools, below their paths."""


async def run_on(folder: Path, request: str, *answers: str, settings: Settings) -> tuple[Run, Scripted]:
    """A run whose change would be written unasked, however it was verified."""
    for path, text in FILES.items():
        (folder / path).write_text(text or "")
    model, task = Scripted(answers), Task(prompt=request, workspace=folder)
    settings = settings.model_copy(update={"keep": True, "accept_unverified": True})
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


def contents(folder: Path) -> dict[str, str]:
    """The text of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("request_text", REQUESTS)
@pytest.mark.parametrize("answer", EXPLANATIONS)
async def test_an_explanation_by_a_model_with_tools_ends_the_run_and_changes_no_byte(
    tmp_path: Path, answer: str, request_text: str
) -> None:
    run, model = await run_on(tmp_path, request_text, answer, answer, settings=ACTS)

    assert (run.status, run.exit_code, run.words) == ("answered", 0, answer.strip())
    assert len(model.requests) == REQUESTS[request_text]
    assert contents(tmp_path) == FILES


@pytest.mark.parametrize("request_text", REQUESTS)
@pytest.mark.parametrize("answer", WITHOUT_FILES)
async def test_an_explanation_by_a_model_without_tools_ends_the_run_and_changes_no_byte(
    tmp_path: Path, answer: str, request_text: str
) -> None:
    more = "As I said, it appends."

    run, model = await run_on(
        tmp_path, request_text, answer, more, more, settings=Settings(strategy="repair")
    )

    assert (run.status, run.exit_code) == ("answered", 0)
    assert answer.strip() in (run.words or "") or more in (run.words or "")
    assert len(model.requests) <= 3
    assert contents(tmp_path) == FILES


async def test_a_command_that_an_explanation_shows_is_not_run_and_the_words_are_shown(tmp_path: Path) -> None:
    answer = "To add one:\n\n```bash\necho 1 >> app.py\n```\n\nThis appends a line."

    run, model = await run_on(tmp_path, "How do I add one?", answer, "That is all.", settings=ACTS)

    assert (run.status, run.words) == ("answered", f"{answer}\n\nThat is all.")
    assert "To run a command, answer with exactly one block" in model.requests[1].messages[-1].content
    assert contents(tmp_path) == FILES


async def test_an_excerpt_that_was_doubted_as_a_whole_file_is_shown_with_the_words_behind_it(
    tmp_path: Path,
) -> None:
    answer = "app.py\n```python\ndef load(path):\n    return Store()\n```\nIt makes a store."
    order, more = "Make loading faster.", "I only explain."

    run, model = await run_on(tmp_path, order, answer, more, settings=Settings(strategy="repair"))

    assert (run.status, run.words, len(model.requests)) == ("answered", f"{answer}\n\n{more}", 2)
    assert contents(tmp_path) == FILES
