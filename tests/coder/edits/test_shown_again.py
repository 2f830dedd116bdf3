"""Files that edits don't fit or that a model asks for: shown in the next request, and at each fresh start."""

from pathlib import Path

import pytest

from coder.agent import resume, solve
from coder.errors import UsageError
from coder.models.scripted import Scripted
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, EditFormat, Settings
from coder.run.task import Task
from coder.store import MemoryLog
from tests.coder.edits.test_in_the_loop import ADD, CHECK, RIGHT, WRONG, block

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
    settings = Settings(edit_format=form, plan=False, budget=Budget(samples=samples, repairs=2, calls=12))
    task = Task(prompt=f"{prompt} It is in sums.py.", workspace=folder, checks=(CHECK,))
    return await solve(task, model=model, settings=settings, log=log), model, log


def asked(model: Scripted, call: int) -> str:
    """The last words of a request, from 1."""
    return model.requests[call - 1].messages[-1].content


def all_of(model: Scripted, call: int) -> str:
    """All words of a request, from 1."""
    return "\n".join(message.content for message in model.requests[call - 1].messages)


async def test_a_file_that_an_edit_does_not_fit_is_shown_whole_twice(tmp_path: Path) -> None:
    run, model, _ = await worked(tmp_path, MISFIT_OF_ANOTHER, f"{MISFIT_OF_ANOTHER}\nSorry.\n", RIGHT)

    assert OTHERS.strip() not in all_of(model, 1)
    assert OTHERS.strip() in asked(model, 2)
    assert OTHERS.strip() in asked(model, 3)
    assert (run.status, run.calls, run.attempts) == ("solved", 3, 1)


async def test_of_a_long_file_a_thousand_lines_around_the_place_are_shown(tmp_path: Path) -> None:
    near = block("LIMIT_1499 = 1499\nLIMIT_1500 = 15\n", "LIMIT_1500 = 1\n", "lib/limits.py")

    _, model, _ = await worked(tmp_path, near, RIGHT)

    shown = asked(model, 2)
    assert "LIMIT_1001 = 1001\n" in shown
    assert "LIMIT_1999 = 1999\n" in shown
    assert shown.count("LIMIT_") < 1_020


async def test_what_was_shown_is_shown_again_at_a_fresh_start(tmp_path: Path) -> None:
    run, model, _ = await worked(
        tmp_path, MISFIT_OF_ANOTHER, f"{MISFIT_OF_ANOTHER} ", f"{MISFIT_OF_ANOTHER}  ", RIGHT, samples=2
    )

    assert len(model.requests[3].messages) == 2
    assert OTHERS.strip() in asked(model, 4)
    assert run.status == "solved"


async def test_what_was_shown_is_shown_again_at_a_repair(tmp_path: Path) -> None:
    _, model, _ = await worked(
        tmp_path, "Show me lib/cart.py.", WRONG, block("return a * b\n", "return a + b\n")
    )

    assert OTHERS.strip() in model.requests[2].messages[1].content


async def test_the_log_says_why_edits_were_not_made(tmp_path: Path) -> None:
    run, _, log = await worked(tmp_path, MISFIT, f"{MISFIT} ", f"{MISFIT}  ")

    state = fold_all(await log.read(run.run_id))
    outcome = state.messages[-1].outcome
    assert outcome is not None
    assert outcome.feedback == "`sums.py`: an edit doesn't fit: its lines aren't there."


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("search-replace", "Answer with search/replace blocks."),
        ("diff", "Answer with one unified diff in a ```diff block."),
        ("patch", "Answer with one patch, from `*** Begin Patch` to `*** End Patch`."),
        ("whole", "Answer with the complete code in one ```python block."),
    ],
)
async def test_lines_that_a_model_asks_for_are_shown_and_the_form_is_kept(
    tmp_path: Path, form: EditFormat, words: str
) -> None:
    run, model, _ = await worked(tmp_path, "Could you show me lines 290-350 of limits.py?", RIGHT, form=form)

    shown = asked(model, 2)
    assert "`lib/limits.py`, lines 290 to 350 of 12000" in shown
    assert "LIMIT_289 = 289\n" in shown
    assert "LIMIT_350 = 350" not in shown
    assert words in shown
    assert (run.status, run.calls) == ("solved", 2)


async def test_two_requests_for_files_are_answered_in_one_turn(tmp_path: Path) -> None:
    words = ("Show me lib/cart.py.", "Now lines 5-6 of lib/limits.py.", "And now lines 7-8 of it.")

    run, model, _ = await worked(tmp_path, *words, RIGHT)

    assert "LIMIT_4 = 4" in asked(model, 3)
    assert asked(model, 4) == "Your answer changes no file. Answer with search/replace blocks."
    assert run.status == "solved"


async def test_a_file_that_the_request_shows_is_not_sent_again(tmp_path: Path) -> None:
    _, model, _ = await worked(tmp_path, "Show me sums.py and lib/cart.py.", "And sums.py again.", RIGHT)

    assert ADD.strip() in all_of(model, 1)
    assert (ADD.strip() in asked(model, 2), OTHERS.strip() in asked(model, 2)) == (False, True)
    assert asked(model, 3) == "Your answer changes no file. Answer with search/replace blocks."


async def test_a_large_repositorys_first_request_says_what_can_be_asked_for(tmp_path: Path) -> None:
    _, model, _ = await worked(tmp_path, RIGHT)

    assert "What is not shown can be asked for" in all_of(model, 1)
    assert "New tests go into new files" in all_of(model, 1)


async def test_a_file_of_keys_is_not_shown_on_request(tmp_path: Path) -> None:
    _, model, _ = await worked(tmp_path, "Show me .env and sums.py.", RIGHT)

    assert "TOKEN" not in all_of(model, 2)


@pytest.mark.parametrize("form", ["patch", "search-replace", "diff"])
async def test_words_alone_are_told_which_form_an_answer_has(tmp_path: Path, form: EditFormat) -> None:
    _, model, _ = await worked(tmp_path, "I shall mend it.", RIGHT, form=form)

    assert "```python" not in asked(model, 2)


async def test_a_question_ends_the_run_with_its_words(tmp_path: Path) -> None:
    question = "One thing is open.\n\n**Should `add` in sums.py take strings too?**\n\n1. yes\n2. no"

    run, _, log = await worked(tmp_path, question, RIGHT)

    assert (run.status, run.exit_code, run.calls) == ("waiting", 9, 1)
    assert run.reason == question
    assert (tmp_path / "sums.py").read_text() == ADD
    again = await resume(run.run_id, log=log, model=Scripted([RIGHT]))
    assert (again.status, again.reason, again.calls) == ("waiting", question, 1)


async def test_a_question_about_a_file_that_was_not_shown_shows_it_first(tmp_path: Path) -> None:
    question = "Should lib/cart.py be changed as well?"

    run, model, _ = await worked(tmp_path, question, question)

    assert OTHERS.strip() in asked(model, 2)
    assert (run.status, run.reason, run.calls) == ("waiting", question, 2)


async def test_a_question_that_nobody_can_answer_is_sent_back(tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(ADD)
    task = Task(prompt="Mend add in sums.py.", workspace=tmp_path, checks=(CHECK,))
    model = Scripted(["Which way?", RIGHT])

    run = await solve(
        task, model=model, settings=Settings(asks=False, plan=False, strategy="repair"), log=MemoryLog()
    )

    assert "Nobody can answer" in asked(model, 2)
    assert run.status == "solved"


async def test_a_run_that_waits_goes_on_with_the_answer(tmp_path: Path) -> None:
    question = "Should add take strings too?"
    waiting, _, log = await worked(tmp_path, question)
    model = Scripted([RIGHT], name="scripted/dialogue")

    run = await resume(waiting.run_id, log=log, model=model, answer="Numbers alone.")

    assert (waiting.status, run.status, run.calls) == ("waiting", "solved", 2)
    assert f"You asked:\n{question}\n\nThe answer:\nNumbers alone." in all_of(model, 1)


async def test_an_answer_to_a_run_that_asked_nothing_is_refused(tmp_path: Path) -> None:
    solved, _, log = await worked(tmp_path, RIGHT)

    with pytest.raises(UsageError, match="has asked nothing"):
        await resume(solved.run_id, log=log, model=Scripted([]), answer="Numbers alone.")
