"""Answers that can't be tried: files that edits don't fit are shown again, a question ends the run."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.models.scripted import Scripted
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, EditFormat, Settings
from coder.run.task import Task
from tests.coder.edits.test_in_the_loop import ADD, CHECK, RIGHT, block
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

OTHERS = "".join(f"def other_{i}():\n    return '{i:0>300}'\n\n\n" for i in range(240))
LONG = "".join(f"LIMIT_{i} = {i}\n" for i in range(12_000))
MISFIT = block("    return nothing at all\n", "    return a + b\n")
MISFIT_OF_ANOTHER = block("    return nothing at all\n", "    return 1\n", "lib/cart.py")


async def worked(
    folder: Path, *answers: str, samples: int = 1, form: EditFormat | None = None, prompt: str = "Mend add."
) -> tuple[Run, Scripted, MemoryLog]:
    """A run on a folder that is too large to be shown in full."""
    files = {"sums.py": ADD, "lib/cart.py": OTHERS, "lib/limits.py": LONG, ".env": "TOKEN=abc\n"}
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    model, log = Scripted(answers), MemoryLog()
    settings = Settings(edit_format=form, plan=False, budget=Budget(samples=samples, repairs=2, max_calls=12))
    task = Task(prompt=f"{prompt} It is in sums.py.", workspace=folder, checks=(CHECK,))
    return await solve(task, model=model, settings=settings, log=log), model, log


def asked(model: Scripted, call: int) -> str:
    """The last words of a request, from 1."""
    return model.requests[call - 1].messages[-1].content


def all_of(model: Scripted, call: int) -> str:
    """All words of a request, from 1."""
    return "\n".join(message.content for message in model.requests[call - 1].messages)


@pytest.mark.slow
async def test_a_file_that_an_edit_does_not_fit_is_shown_whole_twice(tmp_path: Path) -> None:
    run, model, _ = await worked(tmp_path, MISFIT_OF_ANOTHER, f"{MISFIT_OF_ANOTHER}\nSorry.\n", RIGHT)

    assert OTHERS.strip() not in all_of(model, 1)
    assert OTHERS.strip() in asked(model, 2)
    assert OTHERS.strip() in asked(model, 3)
    assert (run.status, run.calls, run.attempts) == ("solved", 3, 1)


@pytest.mark.slow
async def test_the_log_says_why_edits_were_not_made(tmp_path: Path) -> None:
    run, _, log = await worked(tmp_path, MISFIT, f"{MISFIT} ", f"{MISFIT}  ")

    state = fold_all(await log.read(run.run_id))
    outcome = state.progress.messages[-1].outcome
    assert outcome is not None
    assert outcome.feedback == "`sums.py`: an edit doesn't fit: its lines aren't there."


@pytest.mark.slow
async def test_a_file_of_keys_is_not_shown_on_request(tmp_path: Path) -> None:
    _, model, _ = await worked(tmp_path, "Show me .env and sums.py.", RIGHT)

    assert "TOKEN" not in all_of(model, 2)


@pytest.mark.slow
async def test_words_alone_are_told_which_form_an_answer_has(tmp_path: Path) -> None:
    _, model, _ = await worked(tmp_path, "I shall mend it.", RIGHT, form="search-replace")

    assert "```python" not in asked(model, 2)


@pytest.mark.slow
async def test_a_question_ends_the_run_with_its_words(tmp_path: Path) -> None:
    question = "One thing is open.\n\n**Should `add` in sums.py take strings too?**\n\n1. yes\n2. no"

    run, _, log = await worked(tmp_path, question, RIGHT)

    assert (run.status, run.exit_code, run.calls) == ("waiting", 9, 1)
    assert run.reason == question
    assert (tmp_path / "sums.py").read_text() == ADD
    again = await resume(run.run_id, log=log, model=Scripted([RIGHT]))
    assert (again.status, again.reason, again.calls) == ("waiting", question, 1)


async def test_a_question_that_nobody_can_answer_is_sent_back(tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(ADD)
    task = Task(prompt="Mend add in sums.py.", workspace=tmp_path, checks=(CHECK,))
    model = Scripted(["Which way?", RIGHT])

    run = await solve(
        task, model=model, settings=Settings(asks=False, plan=False, strategy="repair"), log=MemoryLog()
    )

    assert "No user is there to answer" in asked(model, 2)
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_run_that_waits_goes_on_with_the_answer(tmp_path: Path) -> None:
    question = "Should add take strings too?"
    waiting, _, log = await worked(tmp_path, question)
    model = Scripted([RIGHT], name="scripted/dialogue")

    run = await resume(waiting.run_id, log=log, model=model, answer="Numbers alone.")

    assert (waiting.status, run.status, run.calls) == ("waiting", "solved", 2)
    assert f"You asked:\n{question}\n\nThe answer:\nNumbers alone." in all_of(model, 1)


@pytest.mark.slow
async def test_an_answer_to_a_run_that_asked_nothing_is_refused(tmp_path: Path) -> None:
    solved, _, log = await worked(tmp_path, RIGHT)

    with pytest.raises(UsageError, match="has asked nothing"):
        await resume(solved.run_id, log=log, model=Scripted([]), answer="Numbers alone.")
