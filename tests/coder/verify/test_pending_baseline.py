"""Tests that take long: a model that acts is asked meanwhile."""

from pathlib import Path

import pytest

from coder.engine.agent import solve
from coder.models.model import ChatMessage
from coder.models.roles import RoleModels
from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, BaselineTest, ProgramFinished, ToolAnswered
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.verify.baseline import FIRST_WAIT_S
from tests.coder.engine.participants.test_acting import DONE, EDIT, RIGHT, TEST, WRONG, bash, told, worked
from tests.coder.engine.participants.test_planning import PLAN
from tests.coder.states import call, code, events, outcome, started, state_of
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

LONG = BaselineTaken(
    passed=True,
    seconds=60.0,
    tests=tuple(BaselineTest(name=f"test_{name}.py::test", passed=True) for name in ("calc", "other")),
)


@pytest.fixture
def slow_project(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG)
    late = f"import time\nif 'a - b' in open('calc.py').read():\n    time.sleep({FIRST_WAIT_S + 2})\n"
    (tmp_path / "test_calc.py").write_text(late + TEST)
    return tmp_path


@pytest.mark.slow
async def test_a_model_that_acts_is_asked_before_the_tests_have_ended_and_told_by_a_later_result(
    slow_project: Path,
) -> None:
    settings = Settings(strategy="act", python=only_pytest())
    fix = bash("sed -i 's/a - b/a + b/' calc.py")

    run, model = await worked(slow_project, bash("sleep 6"), bash("true"), fix, DONE, settings=settings)

    assert "if you make calls, a later result says how they end" in told(model, 1)
    assert ["assert -1 == 3" in told(model, request) for request in range(1, 5)] == [
        False,
        False,
        True,
        False,
    ]
    assert run.verified == "tests"


@pytest.mark.slow
async def test_an_answer_that_comes_first_is_tried_once_the_tests_have_ended(slow_project: Path) -> None:
    run, _ = await worked(slow_project, EDIT, settings=Settings(strategy="act", python=only_pytest()))

    assert (run.verified, run.calls) == ("tests", 1)
    assert (slow_project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_a_planner_is_told_by_a_later_result_and_the_coder_by_its_first_message(
    slow_project: Path,
) -> None:
    settings = Settings(strategy="act", plan=True, python=only_pytest())

    _, model = await worked(slow_project, bash("sleep 6"), bash("true"), PLAN, EDIT, settings=settings)

    assert "later result" in told(model, 1)
    assert ["assert -1 == 3" in told(model, request) for request in (2, 3, 4)] == [False, True, True]


@pytest.mark.slow
async def test_a_planner_without_calls_is_promised_no_later_result(slow_project: Path) -> None:
    settings = Settings(strategy="act", plan=True, python=only_pytest())
    planner, coder = Scripted(["1. Mend calc.py."], name="local/small-1B"), Scripted([EDIT])
    task = Task(prompt="Mend it.", workspace=slow_project, test_command=("pytest", "-q"))
    model = RoleModels(coder, {"planner": planner})

    await solve(task, model=model, settings=settings, log=MemoryLog())

    assert ["later result" in told(one, 1) for one in (planner, coder)] == [False, True]


@pytest.mark.slow
async def test_a_task_that_is_to_make_tests_pass_begins_with_what_fails(slow_project: Path) -> None:
    settings, model = Settings(strategy="act", python=only_pytest()), Scripted([EDIT])
    task = Task(prompt="Mend it.", workspace=slow_project, test_command=("pytest", "-q"), mends=True)
    run: Run = await solve(task, model=model, settings=settings, log=MemoryLog())

    assert "assert -1 == 3" in told(model, 1)
    assert run.verified == "tests"


def test_what_the_tests_said_before_the_work_is_owed_until_a_call_is_answered() -> None:
    words = (ChatMessage(role="user", content="Change it."),)
    asked = call(1)[0].model_copy(update={"in_dialogue": True, "messages": words})
    edits = ToolAnswered(call=1, id="", name="edits", text="")
    answered = ToolAnswered(call=1, id="a", name="bash", text="")

    assert not state_of([started(), LONG, asked]).dialogue.owes_baseline
    assert state_of([started(), asked, LONG, edits]).dialogue.owes_baseline
    assert not state_of([started(), asked, LONG, edits, answered]).dialogue.owes_baseline


def test_tests_that_take_long_are_not_on_the_runs_time() -> None:
    finished = ProgramFinished(what="verify", status="ok", exit_code=0, seconds=0.75, after={})
    short = LONG.model_copy(update={"seconds": 1.0})
    log = [started(), *call(1), LONG, code("a"), finished, outcome(passed=True)]
    brief = [short if body is LONG else body for body in log]

    assert state_of(log).spend.seconds == pytest.approx(len(events(log)) - 1 - 1 - 0.75)
    assert state_of(brief).spend.seconds == pytest.approx(len(events(log)) - 1)
