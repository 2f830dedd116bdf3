"""A given test that ran before the work has to run afterwards, too, also where nothing fails."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, BaselineTest
from coder.run.message import CheckLine
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.verify.lost_tests import lost_tests
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.programs import require_toolchain
from tests.recorded_runs import RECORDED

TABLE = (
    "import pytest, solution\n\n@pytest.mark.parametrize('name', sorted(solution.TABLE))\n"
    "def test_it(name): assert solution.TABLE[name](2) == {'one': 3, 'two': 4}[name]\n"
)
TWO = "def one(x): return x + 1\ndef two(x): return x\nTABLE = {'one': one, 'two': two}\n"
NODE = (
    "const test = require('node:test'), { equal } = require('assert'), { f } = require('./solution.js')\n"
    "test('f', () => equal(f(1), 2))\n"
)


async def answered(
    folder: Path, command: tuple[str, ...], files: Mapping[str, str], path: str, code: str
) -> Run:
    """A run of the command on an answer that is one file."""
    for name, text in files.items():
        (folder / name).write_text(text)
    task = Task(prompt="Mend it.", workspace=folder, test_command=command)
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    answer = Scripted([f"**{path}**\n```\n{code}```\n"] * 2)  # again, where it drops most names
    return await solve(task, model=answer, settings=settings, log=MemoryLog())


@KEPT
@RECORDED
@KEPT_BASELINES
@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("def one(x): return x + 1\nTABLE = {'one': one}\n", "unsolved"),
        (TWO.replace("two(x): return x", "two(x): return x + 2"), "solved"),
    ],
)
async def test_taking_a_failing_case_out_of_a_table_solves_nothing(
    code: str, status: str, tmp_path: Path
) -> None:
    files = {"test_it.py": TABLE, "solution.py": TWO}

    run = await answered(tmp_path, ("pytest", "-q"), files, "solution.py", code)

    assert run.status == status


@KEPT
@RECORDED
@KEPT_BASELINES
@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("process.exit(0)\n", "unsolved"),
        ("exports.f = x => process.exit(0)\n", "unsolved"),
        ("exports.f = x => x + 1\n", "solved"),
    ],
)
async def test_ending_the_process_of_nodes_tests_solves_nothing(
    code: str, status: str, tmp_path: Path
) -> None:
    require_toolchain("node")
    files = {"a.test.js": NODE, "solution.js": "exports.f = x => x\n"}

    run = await answered(tmp_path, ("node", "--test"), files, "solution.js", code)

    assert run.status == status


def lost(before: Mapping[str, bool], *now: str) -> tuple[str, ...]:
    tests = tuple(BaselineTest(name=name, passed=passed) for name, passed in before.items())
    baseline = BaselineTaken(passed=all(before.values()), tests=tests)
    return lost_tests([CheckLine(name=name, passed=True) for name in now], baseline, ["t.py", "a.test.js"])


def test_a_test_is_lost_whether_it_passed_or_failed() -> None:
    assert lost({"t.py::a": True, "t.py::b": False, "t.T.c": True}, "t.py::d") == (
        "t.py::a",
        "t.py::b",
        "t.T.c",
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("t.py", "t.py::a"),  # it couldn't be imported
        ("test::/w/a.test.js", "test::f"),
        ("t.py::a[1]", "t.py::a[2]"),
        ("test::f(1) is 0", "test::f(1) is 2"),
        ("t.T.a (i=1)", "t.T.a"),
        ("setUpClass (t.T)", "t.T.a"),
        ("lib.py::lib.f", "t.py::a"),  # an example in code, which the change may remove
        ("make test", "t.py::a"),
    ],
)
def test_what_gives_way_to_tests_or_is_none_is_not_lost(before: str, now: str) -> None:
    assert not lost({before: False}, now)
