"""New tests of an answer where the test command is a script: they run as its call of pytest does."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES, pytest.mark.slow]
WRONG, RIGHT = "def price(n):\n    return n\n", "def price(n):\n    return 2 * n\n"
GIVEN = "from shop import price\n\n\ndef test_zero():\n    value = price(0)\n    assert value == 0\n"
NEW = GIVEN.replace("test_zero", "test_two").replace("price(0)", "price(2)").replace("== 0", "== 4")
SCRIPTS = {
    "make": (("make", "test"), {"Makefile": "test:\n\tpython3 -m pytest -q tests/test_shop.py\n"}, "."),
    "a script": (("./run.sh",), {"run.sh": "#!/bin/sh\nset -e\npytest -q\necho fine\n"}, "."),
    "another folder": (
        ("sh", "-c", "cd x && pytest -q tests/test_shop.py"),
        {"x/pytest.ini": "[pytest]\n"},
        "x",
    ),
    "a path of its own": (
        ("make", "test"),
        {"Makefile": "test:\n\tcd x/tests; PYTHONPATH=../lib python3 -mpytest -q test_shop.py\n"},
        "x",
    ),
}


async def answered(
    folder: Path, command: tuple[str, ...], files: dict[str, str], answer: dict[str, str]
) -> Run:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    answer_text = "".join(f"**{path}**\n```\n{text}```\n" for path, text in answer.items())
    task = Task(prompt="price(n) is twice n.", workspace=folder, test_command=command)
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    return await solve(task, model=Scripted([answer_text]), settings=settings, log=MemoryLog())


def project(kind: str) -> tuple[tuple[str, ...], dict[str, str], str, str]:
    """Command, files, and the paths of code and of a new test."""
    command, files, top = SCRIPTS[kind]
    lib = f"{top}/lib" if kind == "a path of its own" else top
    code, test_path = f"{lib}/shop.py".removeprefix("./"), f"{top}/tests/test_shop.py".removeprefix("./")
    return command, {**files, code: WRONG, test_path: GIVEN}, code, test_path.replace("test_shop", "test_two")


@pytest.mark.parametrize("kind", SCRIPTS)
async def test_a_new_test_of_an_answer_runs_as_the_script_calls_pytest(kind: str, tmp_path: Path) -> None:
    command, files, code, new = project(kind)

    run = await answered(tmp_path, command, files, {code: RIGHT, new: NEW})

    assert (run.status, run.verified) == ("solved", "reproduced"), run.reason
    assert [name.rpartition("/")[2] for name in run.reproduced_by] == ["test_two.py::test_two"]
    assert set(run.landed) == {code, new}


@pytest.mark.parametrize("kind", SCRIPTS)
async def test_a_new_test_that_shows_nothing_of_the_change_solves_no_script(
    kind: str, tmp_path: Path
) -> None:
    command, files, code, new = project(kind)

    run = await answered(tmp_path, command, files, {code: WRONG + "x = 1\n", new: GIVEN})

    assert (run.status, run.landed) == ("unverified", ())
    assert "prove nothing" in run.reason


async def test_a_new_test_that_fails_apart_from_its_script_leaves_the_answer_unverified(
    tmp_path: Path,
) -> None:
    command, files, code, new = project("a path of its own")

    run = await answered(tmp_path, command, files, {code: WRONG + "x = 1\n", new: NEW})

    assert (run.status, run.landed) == ("unverified", ())
    assert "fail apart from the test command" in run.reason


async def test_a_new_test_that_no_call_of_pytest_can_run_is_named_as_not_run(tmp_path: Path) -> None:
    files = {"shop.py": WRONG, "run.py": "import shop\nassert shop.price(0) == 0\n"}

    run = await answered(tmp_path, ("python3", "run.py"), files, {"shop.py": RIGHT, "test_two.py": NEW})

    assert (run.status, run.landed) == ("unverified", ())
    assert run.reason == "the test command doesn't tell that it runs the new tests: test_two.py"
