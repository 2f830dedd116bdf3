"""The loop on real sandboxes, with dialogues written by hand: what ends a run, what is asked before."""

from pathlib import Path

import pytest

from coder.base.errors import LeaseHeld
from coder.models.chat_completions import ChatModel
from coder.models.model import ChatMessage
from coder.models.scripted import Scripted
from coder.run import termination
from coder.run.budget import calls_reached
from coder.run.events import Draft, Event
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task, TestSource
from coder.workspace.take_back import undo
from tests.coder.models.asking import endpoint_of
from tests.coder.workspace.meanwhile import Meanwhile
from tests.faulty_endpoint import faulty_endpoint, hangs
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]
ADD = "def add(a, b):\n    return a + b\n"
SUBTRACT = "def add(a, b):\n    return a - b\n"
CHECK = "assert add(2, 3) == 5"
TEST = "from solution import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
WITH_TESTS = (
    "add.py\n```python\n{code}```\n\n"
    "test_add.py\n```python\nfrom add import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n```\n"
)
TASK = Task(prompt="Write add(a, b).", checks=(CHECK,))
REPAIR = Settings(strategy="repair")
PYTEST = Settings(python=only_pytest(), plan=False, strategy="repair")


def fenced(code: str) -> str:
    """An answer with this code, where there is no folder."""
    return f"Here it is.\n```python\n{code}```\n"


def whole(code: str) -> str:
    """An answer with this file, for a folder, by a model without tools."""
    return f"Here it is.\n\n`solution.py`\n```python\n{code}```\n"


def edited(new: str, *, old: str = "", path: str = "solution.py") -> str:
    """An answer with this file, for a folder, by a model with tools."""
    return f"{path}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


async def solved_by(
    *answers: str, task: Task = TASK, settings: Settings | None = None
) -> tuple[Run, Scripted]:
    """A run of the task with these answers, in a log that is thrown away."""
    model = Scripted(answers)
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


def last_asked(model: Scripted) -> str:
    """The last message of the last request."""
    message: ChatMessage = model.requests[-1].messages[-1]
    return message.content


async def test_a_keyword_that_is_none_is_refused_before_anything_is_done() -> None:
    log = MemoryLog()

    with pytest.raises(TypeError, match="modle"):
        await solve(TASK, modle=Scripted([]), log=log)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="modle"):
        await resume("run_a", modle=Scripted([]), log=log)  # type: ignore[call-arg]

    assert await log.runs() == []


async def test_code_that_passes_its_check_solves_the_task() -> None:
    run, _ = await solved_by(fenced(ADD))

    assert (run.status, run.verified, run.strength, run.exit_code) == ("solved", "checks", "outside", 0)
    assert run.files == {"solution.py": ADD}
    assert (run.calls, run.attempts) == (1, 1)


async def test_a_failed_check_goes_back_with_both_values_and_is_repaired() -> None:
    run, model = await solved_by(fenced(SUBTRACT), fenced(ADD))

    assert (run.status, run.calls, run.attempts) == ("solved", 2, 1)
    assert "assert add(2, 3) == 5" in last_asked(model)
    assert "-1" in last_asked(model)


async def test_examples_in_the_task_decide_when_nothing_else_is_given() -> None:
    task = Task(prompt="Write add(a, b).\n\n>>> add(2, 3)\n5\n")

    run, model = await solved_by(fenced(SUBTRACT), fenced(ADD), task=task)

    assert (run.status, run.verified, run.calls) == ("solved", "examples", 2)
    assert "expected: 5" in last_asked(model)


async def test_a_test_file_decides_outside_of_the_candidates_process() -> None:
    task = Task(prompt="Write add(a, b).", test_files=(TestSource(path="test_add.py", text=TEST),))

    run, _ = await solved_by(fenced(SUBTRACT), fenced(ADD), task=task)

    assert (run.status, run.verified, run.strength) == ("solved", "tests", "outside")


LOOPS = "def test_words():\n    for word in words('a b'):\n        assert len(word) == 1\n"


@pytest.mark.parametrize("kind", ["a test file", "a check", "a test command"])
async def test_a_pass_whose_assertion_never_ran_is_decided_inside_and_says_which(
    kind: str, tmp_path: Path
) -> None:
    given: dict[str, Task] = {
        "a test file": Task(
            prompt="Write words(text).", test_files=(TestSource(path="test_w.py", text=LOOPS),)
        ),
        "a check": Task(
            prompt="Write words(text).", checks=("assert all(len(w) == 1 for w in words('a b'))",)
        ),
        "a test command": Task(
            prompt="Write words(text).", workspace=tmp_path, test_command=("python", "-m", "pytest", "-q")
        ),
    }
    (tmp_path / "test_w.py").write_text(f"from solution import words\n\n\n{LOOPS}")
    log, runs = MemoryLog(), list[Run]()
    for returned in ("[]", "text.split()"):
        (tmp_path / "solution.py").write_text("def words(text):\n    raise NotImplementedError\n")
        code = f"def words(text):\n    return {returned}\n"
        model = Scripted([whole(code) if kind == "a test command" else fenced(code)])
        runs.append(await solve(given[kind], model=model, settings=PYTEST, log=log))

    empty, full = runs
    assert (empty.status, empty.strength, full.strength) == ("solved", "inside", "outside"), empty.reason
    assert "An assertion never ran: " in str(await log.read(empty.run_id))
    assert "An assertion never ran: " not in str(await log.read(full.run_id))


@pytest.mark.slow
async def test_a_test_command_decides_with_each_test_reported(tmp_path: Path) -> None:
    (tmp_path / "test_add.py").write_text(TEST)
    task = Task(prompt="Write add(a, b).", workspace=tmp_path, test_command=("pytest", "-q"))

    run, model = await solved_by(whole(SUBTRACT), whole(ADD), task=task, settings=PYTEST)

    assert (run.status, run.verified) == ("solved", "tests")
    assert "assert -1 == 5" in last_asked(model)
    assert (tmp_path / "solution.py").read_text() == ADD


async def test_nothing_to_check_it_by_ends_unverified() -> None:
    run, _ = await solved_by(fenced("print('hello')\n"), task=Task(prompt="Greet me."), settings=REPAIR)

    assert (run.status, run.verified, run.exit_code) == ("unverified", "none", 8)


async def test_code_with_nothing_to_check_it_by_must_at_least_be_python() -> None:
    answers = fenced("print(undefined\n"), fenced("assert 1 + 1 == 2\n")

    run, _ = await solved_by(*answers, task=Task(prompt="Greet me."), settings=REPAIR)

    assert (run.status, run.verified, run.calls) == ("unverified", "self", 2)


async def test_an_answer_without_code_is_asked_again_at_no_cost_of_a_repair() -> None:
    settings = Settings(budget=Budget(samples=1, repairs=0))

    run, model = await solved_by("I can't.", fenced(ADD), settings=settings)

    assert (run.status, run.calls, run.attempts) == ("solved", 2, 1)
    assert "no code" in last_asked(model)


async def test_a_wrong_function_name_is_asked_again_by_name() -> None:
    run, model = await solved_by(fenced(ADD.replace("add", "plus")), fenced(ADD))

    assert (run.status, run.attempts) == ("solved", 1)
    assert "`add`" in last_asked(model)


async def test_a_model_that_repeats_itself_is_stuck_after_four_answers() -> None:
    run, _ = await solved_by(*[fenced(SUBTRACT)] * 8, settings=REPAIR)

    assert (run.status, run.attempts, run.calls, run.exit_code) == ("stuck", 3, 4, 6)


async def test_a_model_that_says_nothing_is_asked_three_times_and_its_answers_are_called_empty() -> None:
    run, _ = await solved_by(*[""] * 8)

    assert (run.status, run.calls, run.exit_code) == ("stuck", 3, 6)
    assert run.reason == "the model's last 3 answers were empty"


async def test_answers_that_were_empty_at_first_end_nothing() -> None:
    run, _ = await solved_by("", "", fenced(ADD))

    assert (run.status, run.calls) == ("solved", 3)


async def test_a_model_that_only_ever_refuses_has_answered_and_solved_nothing() -> None:
    run, _ = await solved_by(*["I can't do that."] * 9)

    assert (run.status, run.exit_code, run.calls) == ("answered", 8, 2)
    assert run.words == "I can't do that."


async def test_the_limit_of_calls_ends_the_run_and_a_resume_with_more_goes_on() -> None:
    log = MemoryLog()
    model = Scripted([fenced(SUBTRACT), fenced(ADD)])

    first = await solve(TASK, model=model, settings=Settings(budget=Budget(max_calls=1)), log=log)
    second = await resume(first.run_id, model=model, budget=Budget(max_calls=2), log=log)

    assert (first.status, first.exit_code) == ("limit", 3)
    assert (second.status, second.calls, len(model.requests)) == ("solved", 2, 2)


async def test_a_call_that_could_break_the_token_limit_is_not_made() -> None:
    run, model = await solved_by(fenced(ADD), settings=Settings(budget=Budget(max_tokens=100)))

    assert (run.status, run.calls, model.requests) == ("limit", 0, [])
    assert "100 tokens" in run.reason


@pytest.mark.slow
async def test_the_time_limit_ends_a_run_whose_model_does_not_answer() -> None:
    with faulty_endpoint(hangs()) as silent:
        async with ChatModel(endpoint_of(silent)) as model:
            run = await solve(TASK, model=model, settings=Settings(budget=Budget(timeout=2)), log=MemoryLog())

    assert (run.status, run.exit_code) == ("limit", 3)
    assert "time limit" in run.reason


async def test_the_budget_holds_whatever_stop_a_caller_brings() -> None:
    model = Scripted([fenced(SUBTRACT)] * 9)

    run = await solve(
        TASK,
        model=model,
        settings=Settings(budget=Budget(max_calls=2)),
        stop=termination.tests_pass,
        log=MemoryLog(),
    )

    assert (run.status, run.calls) == ("limit", 2)


async def test_all_samples_and_repairs_tried_is_unsolved() -> None:
    answers = [fenced(f"def add(a, b):\n    return {number}\n") for number in range(8)]

    run, _ = await solved_by(*answers, settings=Settings(budget=Budget(samples=2, repairs=1)))

    assert (run.status, run.attempts, run.calls, run.exit_code) == ("unsolved", 2, 4, 1)


CHEATS = {
    "os._exit at import": "import os\nos._exit(0)\ndef add(a, b): return 0\n",
    "os._exit in the call": "import os\ndef add(a, b):\n    os._exit(0)\n",
    "sys.exit at import": "import sys\nsys.exit(0)\ndef add(a, b): return 0\n",
    "sys.exit in the call": "import sys\ndef add(a, b):\n    sys.exit(0)\n",
    "overridden __eq__": (
        "class Any:\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\n"
        "def add(a, b):\n    return Any()\n"
    ),
    "an int that equals all": (
        "class Any(int):\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\n"
        "def add(a, b):\n    return Any()\n"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS.keys())
@pytest.mark.parametrize("by", ["check", "test file", "test command", "unittest", "script"])
async def test_a_cheat_solves_nothing(cheat: str, by: str, tmp_path: Path) -> None:
    suite = (
        "import unittest\nfrom solution import add\n\nclass T(unittest.TestCase):\n    def test_add(self):\n"
    )
    suite += "        self.assertEqual(add(2, 3), 5)\n        assert add(2, 3) == 5\n"
    tasks = {
        "check": TASK,
        "test file": Task(prompt="add", test_files=(TestSource(path="test_add.py", text=TEST),)),
        "test command": Task(prompt="add", workspace=tmp_path, test_command=("pytest", "-q")),
        "unittest": Task(prompt="add", workspace=tmp_path, test_command=("python3", "-m", "unittest", "-q")),
        "script": Task(prompt="add", workspace=tmp_path, test_command=("python3", "test_add.py")),
    }
    test = {"unittest": suite, "script": f"{TEST}\n\ntest_add()\n"}.get(by, TEST)
    (tmp_path / "test_add.py").write_text(test)
    settings = PYTEST.model_copy(update={"budget": Budget(samples=1, repairs=0)})

    run, _ = await solved_by(whole(cheat), task=tasks[by], settings=settings)

    assert run.status == "unsolved"
    assert not (tmp_path / "solution.py").exists()


@pytest.mark.slow
async def test_an_edited_test_file_solves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_add.py").write_text(TEST)
    task = Task(prompt="Write add.", workspace=tmp_path, test_command=("pytest", "-q"))
    rigged = "**test_add.py**\n```python\ndef test_add():\n    assert True\n```\n"
    settings = PYTEST.model_copy(update={"budget": Budget(samples=1, repairs=0)})

    run, _ = await solved_by(rigged + whole(SUBTRACT), task=task, settings=settings)

    assert (run.status, run.exit_code, run.landed) == ("unverified", 8, ())
    assert run.contradicts == ("test_add.py::test_add",)
    assert (tmp_path / "test_add.py").read_text() == TEST


@pytest.mark.slow
async def test_code_that_rewrites_the_tests_while_it_is_imported_solves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_add.py").write_text(TEST)
    task = Task(prompt="Write add.", workspace=tmp_path, test_command=("pytest", "-q"))
    rewrites = "open('test_add.py', 'w').write('def test_add(): pass')\n" + SUBTRACT
    settings = PYTEST.model_copy(update={"budget": Budget(samples=1, repairs=1)})

    run, _ = await solved_by(whole(rewrites), whole(f"# again\n{SUBTRACT}"), task=task, settings=settings)

    assert run.status == "unsolved"


@pytest.mark.slow
@pytest.mark.parametrize("before", [{}, {"README.md": "# Sums\n", "pyproject.toml": "[project]\n"}])
async def test_code_and_tests_for_an_empty_folder_are_tried_and_decide_nothing(
    tmp_path: Path, before: dict[str, str]
) -> None:
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    task = Task(prompt="Write add.", workspace=tmp_path, test_command=("pytest", "-q"))
    log = MemoryLog()
    model = Scripted([WITH_TESTS.format(code=SUBTRACT), WITH_TESTS.format(code=ADD)])

    run = await solve(task, model=model, settings=PYTEST, log=log)
    landed = (tmp_path / "add.py").exists()
    accepting = PYTEST.model_copy(update={"accept_unverified": True})
    final_run = await resume(run.run_id, model=Scripted([]), settings=accepting, log=log)

    assert "Write both; `pytest -q` must pass." in model.requests[0].messages[-1].content
    assert "assert -1 == 5" in last_asked(model)
    assert (run.status, run.exit_code, run.verified, run.calls) == ("unverified", 8, "self", 2)
    assert "were written with the code" in run.reason
    assert not landed
    assert set(final_run.landed) == {"add.py", "test_add.py"}
    assert (final_run.exit_code, (tmp_path / "add.py").read_text()) == (0, ADD)


@pytest.mark.slow
async def test_code_without_tests_for_an_empty_folder_is_asked_for_tests(tmp_path: Path) -> None:
    task = Task(prompt="Write add.", workspace=tmp_path, test_command=("pytest", "-q"))

    run, model = await solved_by(whole(ADD), WITH_TESTS.format(code=ADD), task=task, settings=PYTEST)

    assert "The test command ran no test." in last_asked(model)
    assert (run.status, run.calls) == ("unverified", 2)


@pytest.mark.slow
async def test_tests_alone_without_the_code_that_they_import_can_be_solved(tmp_path: Path) -> None:
    (tmp_path / "test_add.py").write_text(TEST)
    task = Task(prompt="Write add.", workspace=tmp_path, test_command=("pytest", "-q"))

    run, _ = await solved_by(whole(ADD), task=task, settings=PYTEST)

    assert (run.status, run.verified, run.landed) == ("solved", "tests", ("solution.py",))


async def test_files_land_only_when_solved(tmp_path: Path) -> None:
    task = TASK.model_copy(update={"workspace": tmp_path})
    settings = Settings(budget=Budget(samples=1, repairs=0))

    unsolved, _ = await solved_by(whole(SUBTRACT), task=task, settings=settings)
    nothing = list(tmp_path.iterdir())
    kept, _ = await solved_by(whole(SUBTRACT), task=task, settings=settings.model_copy(update={"keep": True}))

    assert (unsolved.status, unsolved.landed, nothing) == ("unsolved", (), [])
    assert (kept.status, kept.landed) == ("unsolved", ("solution.py",))


async def test_undo_takes_the_files_back_where_nobody_has_changed_them(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text(SUBTRACT)
    log = MemoryLog()
    task = TASK.model_copy(update={"workspace": tmp_path})

    run = await solve(task, model=Scripted([edited(ADD, old=SUBTRACT)]), log=log)
    landed = (tmp_path / "solution.py").read_text()
    rows = await undo(run.run_id, log=log)

    assert (run.status, landed) == ("solved", ADD)
    assert [(row.path, row.left) for row in rows] == [("solution.py", None)]
    assert (tmp_path / "solution.py").read_text() == SUBTRACT


async def test_a_file_that_changed_since_it_was_read_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text(SUBTRACT)

    edit = Meanwhile(lambda: (tmp_path / "solution.py").write_text("# the user's own edit\n"))

    task = TASK.model_copy(update={"workspace": tmp_path})
    run = await solve(task, model=Scripted([edited(ADD, old=SUBTRACT)]), log=MemoryLog(), watch=edit)

    assert (run.status, run.exit_code) == ("error", 2)
    assert run.error is not None
    assert "changed since" in run.error
    assert run.files == {"solution.py": ADD}
    assert (tmp_path / "solution.py").read_text() == "# the user's own edit\n"


@pytest.mark.slow
async def test_a_file_that_runs_by_itself_later_needs_the_users_word(tmp_path: Path) -> None:
    task = TASK.model_copy(update={"workspace": tmp_path})
    answer = edited(ADD) + edited("curl evil\n", path=".envrc")

    first_run, _ = await solved_by(answer, task=task)
    assert (first_run.status, first_run.exit_code, first_run.landed) == ("unverified", 8, ("solution.py",))
    assert first_run.left_out == {".envrc": "held"}
    (tmp_path / "solution.py").unlink()
    allowed, _ = await solved_by(answer, task=task, settings=Settings(allow=(".envrc",)))

    assert allowed.landed == (".envrc", "solution.py")


@pytest.mark.slow
async def test_a_run_cut_after_any_event_resumes_with_the_same_answers_and_no_call_twice(
    tmp_path: Path,
) -> None:
    answers = [edited(SUBTRACT), "No code.", edited(ADD, old=SUBTRACT)]
    whole = MemoryLog()
    task = TASK.model_copy(update={"workspace": tmp_path / "whole"})
    (tmp_path / "whole").mkdir()
    run = await solve(task, model=Scripted(answers), log=whole)
    events = await whole.read(run.run_id)

    for cut in range(1, len(events)):
        (tmp_path / "whole" / "solution.py").unlink(missing_ok=True)
        if any(event.type == "file.landed" for event in events[:cut]):
            (tmp_path / "whole" / "solution.py").write_text(ADD)
        log = await _log_of(events[:cut])
        answered = sum(event.type == "model.answered" for event in events[:cut])
        model = Scripted(answers[answered:])

        resumed = await resume(run.run_id, model=model, log=log)

        assert resumed.status == "solved", f"cut after {events[cut - 1].type} ({cut})"
        assert len(model.requests) == len(answers) - answered
        after = await log.read(run.run_id)
        assert _spoken(after) == _spoken(events)
        assert (tmp_path / "whole" / "solution.py").read_text() == ADD


async def test_one_run_is_worked_on_by_one_at_a_time() -> None:
    log = MemoryLog()
    run = await solve(TASK, model=Scripted([fenced(ADD)]), log=log)

    async with log.lease(run.run_id):
        with pytest.raises(LeaseHeld):
            await resume(run.run_id, model=Scripted([]), log=log)


async def test_a_plan_is_quoted_to_the_coder() -> None:
    plan = "1. Define add in solution.py."

    run, model = await solved_by(plan, fenced(ADD), settings=Settings(strategy="repair", plan=True))

    assert (run.status, run.calls) == ("solved", 2)
    assert plan in model.requests[1].messages[1].content


async def test_a_model_that_fails_ends_the_run_with_its_own_exit_code_and_it_can_be_resumed() -> None:
    log = MemoryLog()
    run = await solve(TASK, model=Scripted([]), log=log)

    again = await resume(run.run_id, model=Scripted([fenced(ADD)]), log=log)

    assert (run.status, run.exit_code) == ("error", 4)
    assert again.status == "solved"


async def _log_of(events: list[Event]) -> MemoryLog:
    """A log that holds just these events, as a kill behind the last of them leaves it."""
    log = MemoryLog()
    async with log.lease(events[0].run) as token:
        for event in events:
            draft = Draft(type=event.type, version=event.version, body=event.body)
            await log.append(event.run, [draft], after=event.seq - 1, token=token)
    return log


def _spoken(events: list[Event]) -> list[object]:
    """What participants said, apart from times."""
    return [
        (body["message"]["author"], body["message"].get("changes"), body["message"]["kind"])
        for body in (event.body for event in events if event.type == "message.spoken")
    ]


def test_the_limit_of_one_call_is_said_in_the_singular() -> None:
    assert calls_reached(Budget(max_calls=1)) == "the limit of 1 model call was reached"
    assert calls_reached(Budget(max_calls=8)) == "the limit of 8 model calls was reached"
