"""Test commands of which nothing is known but their exit code: what it proves, and what it doesn't."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.models.scripted import Scripted
from coder.run.found_tests import FoundTests
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task, TestSource
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

PYTEST = Settings(python=only_pytest(), plan=False, strategy="repair")
ANSWER = ["**greeting.txt**\n```\nhello\n```\n"]
CHECK = ("sh", "check.sh")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A text that is another than its check wants."""
    (tmp_path / "greeting.txt").write_text("goodbye\n")
    (tmp_path / "check.sh").write_text('test "$(cat greeting.txt)" = hello\n')
    return tmp_path


async def run(project: Path, command: tuple[str, ...], *, mends: bool, accept: bool = False) -> Run:
    task = Task(prompt="Greet.", workspace=project, test_command=command, mends=mends)
    settings = Settings(accept_unverified=accept, edit_format="whole", budget=Budget(max_calls=1))
    return await solve(task, model=Scripted(ANSWER), settings=settings, log=MemoryLog())


@pytest.mark.parametrize("command", [("true",), ("sh", "-c", "exit 0")])
async def test_a_command_that_passes_already_without_telling_of_a_test_is_unverified(
    project: Path, command: tuple[str, ...]
) -> None:
    ended = await run(project, command, mends=True)

    assert (ended.status, ended.exit_code, ended.calls) == ("unverified", 8, 0)
    assert "reports no test" in ended.reason


async def test_a_command_that_succeeds_before_and_after_the_work_lands_nothing(project: Path) -> None:
    ended = await run(project, ("true",), mends=False)

    assert (ended.status, ended.exit_code, ended.verified, ended.landed) == ("unverified", 8, "none", ())
    assert "as it did before the change" in ended.reason
    assert (project / "greeting.txt").read_text() == "goodbye\n"


async def test_who_accepts_what_is_unverified_gets_it_written_with_exit_code_0(project: Path) -> None:
    ended = await run(project, ("true",), mends=False, accept=True)

    assert (ended.status, ended.exit_code, ended.landed) == ("unverified", 0, ("greeting.txt",))
    assert (project / "greeting.txt").read_text() == "hello\n"


@pytest.mark.slow
async def test_a_command_that_failed_before_the_work_and_succeeds_now_solves_it(project: Path) -> None:
    ended = await run(project, CHECK, mends=True)

    assert (ended.status, ended.verified, ended.strength) == ("solved", "tests", "inside")
    assert ended.landed == ("greeting.txt",)


@pytest.mark.slow
async def test_a_found_command_that_fails_before_and_after_the_work_shows_nothing(project: Path) -> None:
    (project / "check.sh").write_text("exit 1\n")
    found = (FoundTests(argv=CHECK, place="Makefile", is_given=True),)
    task = Task(prompt="Greet.", workspace=project, found=found, test_command=CHECK)
    settings = Settings(edit_format="whole", budget=Budget(max_calls=1))

    ended = await solve(task, model=Scripted(ANSWER), settings=settings, log=MemoryLog())

    assert (ended.status, ended.verified, ended.exit_code) == ("unverified", "none", 8)
    assert ended.reason == "the tests fail as they did before the change: nothing shows that the task is done"


@pytest.mark.slow
async def test_checks_decide_beside_a_command_that_tells_of_no_test(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text("def f():\n    return 1\n")
    task = Task(prompt="f gives 2.", workspace=tmp_path, test_command=("true",), checks=("assert f() == 2",))

    model = Scripted(["**solution.py**\n```python\ndef f():\n    return 2\n```\n"])
    ended = await solve(task, model=model, settings=Settings(edit_format="whole"), log=MemoryLog())

    assert (ended.status, ended.verified, ended.strength) == ("solved", "checks", "outside")


@pytest.mark.parametrize("check", ["f() == 2", "x = f()\nnot x", "f() and f() > 1"])
async def test_a_check_that_is_a_condition_without_assert_is_refused_before_a_model_is_called(
    check: str, tmp_path: Path
) -> None:
    (tmp_path / "solution.py").write_text("def f():\n    return 1\n")
    task = Task(prompt="f gives 2.", workspace=tmp_path, checks=(check,))

    model = Scripted(["**solution.py**\n```python\ndef f():\n    return 3\n```\n"])
    with pytest.raises(UsageError, match="Write: assert "):
        await solve(task, model=model, log=MemoryLog())

    assert (tmp_path / "solution.py").read_text() == "def f():\n    return 1\n"


GREEN = "from add import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
MORE = "**add.py**\n```python\ndef add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a + a\n```\n"


@pytest.fixture
def green(tmp_path: Path) -> Path:
    """A folder whose tests pass."""
    (tmp_path / "add.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "test_add.py").write_text(GREEN)
    return tmp_path


@pytest.mark.slow
async def test_a_change_under_tests_that_pass_anyway_is_unverified_and_lands_nothing(green: Path) -> None:
    task = Task(prompt="Write double(a).", workspace=green, test_command=("pytest", "-q"))

    ended = await solve(task, model=Scripted([MORE]), settings=PYTEST, log=MemoryLog())

    assert (ended.status, ended.exit_code, ended.calls) == ("unverified", 8, 1)
    assert (ended.verified, ended.strength) == ("none", "none")
    assert ended.reason == "the tests passed before and after: nothing shows that the task is done"
    assert ended.landed == ()
    assert "+def double(a):" in ended.patch


@pytest.mark.slow
async def test_a_resume_that_accepts_the_unverified_writes_it_for_no_further_call(green: Path) -> None:
    log = MemoryLog()
    task = Task(prompt="Write double(a).", workspace=green, test_command=("pytest", "-q"))
    ended = await solve(task, model=Scripted([MORE]), settings=PYTEST, log=log)

    accepted = PYTEST.model_copy(update={"accept_unverified": True})
    again = await resume(ended.run_id, model=Scripted([]), settings=accepted, log=log)

    assert (again.status, again.exit_code, again.calls) == ("unverified", 0, 1)
    assert "def double" in (green / "add.py").read_text()


@pytest.mark.slow
async def test_a_test_that_failed_before_and_passes_now_solves_it_as_ever(green: Path) -> None:
    (green / "test_double.py").write_text(
        "from add import double\n\n\ndef test_it():\n    assert double(2) == 4\n"
    )
    task = Task(prompt="Write double(a).", workspace=green, test_command=("pytest", "-q"))

    ended = await solve(task, model=Scripted([MORE]), settings=PYTEST, log=MemoryLog())

    assert (ended.status, ended.verified, ended.strength) == ("solved", "tests", "outside")
    assert ended.landed == ("add.py",)


@pytest.mark.slow
async def test_a_test_file_that_is_given_with_the_task_counts_though_it_passed_before(green: Path) -> None:
    test_files = (TestSource(path="test_add.py", text=GREEN),)
    task = Task(
        prompt="Write double(a).", workspace=green, test_command=("pytest", "-q"), test_files=test_files
    )

    ended = await solve(task, model=Scripted([MORE]), settings=PYTEST, log=MemoryLog())

    assert (ended.status, ended.verified) == ("solved", "tests")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["sys.exit(True)", "sys.exit('it is goodbye')"])
async def test_what_a_failing_script_prints_is_told_with_its_exit_code(tmp_path: Path, ending: str) -> None:
    (tmp_path / "greeting.py").write_text("TEXT = 'goodbye'\n")
    lines = ["import sys, greeting", "print('it is', greeting.TEXT, file=sys.stderr)"]
    (tmp_path / "check.py").write_text("\n".join([*lines, f"if greeting.TEXT != 'hello': {ending}"]))
    task = Task(prompt="Greet.", workspace=tmp_path, test_command=("python3", "check.py"), mends=True)
    log, model = MemoryLog(), Scripted(["`greeting.py`\n```python\nTEXT = 'hello'\n```\n"])

    ended = await solve(task, model=model, settings=PYTEST, log=log)

    prompt = "".join(message.content for message in model.requests[0].messages)
    assert ended.status == "solved"
    assert "exit code 1" in prompt
    assert "exit code True" not in prompt
    assert "it is goodbye" in prompt
