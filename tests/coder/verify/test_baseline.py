"""Before the work: the test command on the untouched files, in a real sandbox; the model follows a script."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.models.abilities import Abilities
from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, RunStarted, parse
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

WRONG = "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a * b\n"
RIGHT = WRONG.replace("a - b", "a + b")
TESTS = """
import unittest
from calc import add, mul

class Test(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_mul(self):
        self.assertEqual(mul(2, 3), 6)
"""
OLD = "import unittest\n\nclass Old(unittest.TestCase):\n    def test_old(self):\n        self.fail('ever')\n"
FLAKY = """
import os, unittest

class Flaky(unittest.TestCase):
    pass

for i in range(24):
    setattr(Flaky, f"test_{i}", lambda self: self.assertLess(os.urandom(1)[0], 128))
"""
WRITES_JUNIT = """#!/bin/sh
result=$(python3 -c 'from calc import add; print(add(2, 3))')
[ "$result" = 5 ] && exit 0
cat > out.xml <<END
<testsuite>
  <testcase name="adds" file="calc.py" line="2"><failure message="got $result, want 5"/></testcase>
  <testcase name="other"/>
</testsuite>
END
exit 1
"""
UNITTEST = ("python", "-m", "unittest")


def answer(text: str) -> str:
    return f"`calc.py`\n```python\n{text}```\n"


class Watched:
    """A run, with what its log says of the time before."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        for path, text in files.items():
            (folder / path).write_text(text)
            (folder / path).chmod(0o755 if text.startswith("#!") else 0o644)
        self.folder, self.log, self.model = folder, MemoryLog(), Scripted([])

    async def run(
        self, *command: str, answers: tuple[str, ...] = (), mends: bool = True, context: int | None = None
    ) -> Run:
        self.model = Scripted(answers, abilities=Abilities(context=context))
        task = Task(prompt="Fix calc.py.", workspace=self.folder, test_command=command or None, mends=mends)
        return await solve(task, model=self.model, settings=Settings(edit_format="whole"), log=self.log)

    async def baseline(self, run: Run) -> BaselineTaken:
        bodies = [parse(event) for event in await self.log.read(run.run_id)]
        assert isinstance(bodies[0], RunStarted)
        return next(body for body in reversed(bodies) if isinstance(body, BaselineTaken))


@pytest.mark.slow
async def test_what_passes_already_needs_no_model(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": RIGHT, "test_calc.py": TESTS})

    run = await watched.run(*UNITTEST)

    assert (run.status, run.verified, run.calls, run.exit_code) == ("solved", "tests", 0, 0)
    assert run.reason == "the command passes already: there is nothing to fix"


@pytest.mark.slow
async def test_the_first_prompt_says_how_the_command_fails(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": WRONG, "test_calc.py": TESTS})

    run = await watched.run(*UNITTEST, answers=(answer(RIGHT),))

    assert run.status == "solved"
    assert "AssertionError: -1 != 5" in watched.model.requests[0].messages[-1].content
    first = (await watched.baseline(run)).first
    assert first is not None
    assert (first.path, first.expected, first.actual) == ("test_calc.py", "5", "-1")


@pytest.mark.slow
async def test_in_a_red_suite_that_was_found_only_new_failures_count(tmp_path: Path) -> None:
    files = {"calc.py": WRONG, "test_calc.py": TESTS, "test_old.py": OLD}
    broken = RIGHT.replace("a * b", "a ** b")

    run = await Watched(tmp_path, files).run(answers=(answer(broken), answer(RIGHT)), mends=False)

    assert (run.status, run.calls) == ("solved", 2)
    assert (tmp_path / "calc.py").read_text() == RIGHT
    assert {line.name: line.passed for line in run.tests}["test_old.Old.test_old"] is False


@pytest.mark.slow
@pytest.mark.parametrize("mends", [True, False], ids=["fix", "solve"])
async def test_of_a_given_command_all_that_failed_must_pass(tmp_path: Path, mends: bool) -> None:
    files = {"calc.py": WRONG, "test_calc.py": TESTS, "test_old.py": OLD}

    run = await Watched(tmp_path, files).run(*UNITTEST, answers=(answer(RIGHT),) * 4, mends=mends)

    assert (run.status, run.mended) == ("unsolved", 1)
    assert "1 of 2 mended; still red as before: test_old.Old.test_old" in run.reason
    assert (tmp_path / "calc.py").read_text() == WRONG


@pytest.mark.slow
async def test_tests_that_end_differently_on_the_same_files_are_flaky(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": RIGHT, "test_calc.py": TESTS, "test_flaky.py": FLAKY})

    run = await watched.run(*UNITTEST, answers=(answer(RIGHT),) * 4)

    baseline = await watched.baseline(run)
    assert baseline.flaky
    assert all(name.startswith("test_flaky.Flaky.") for name in baseline.flaky)
    assert "test_calc.Test.test_mul" in {test.name for test in baseline.tests}


@pytest.mark.parametrize(
    ("files", "command", "said"),
    [
        ({"test_calc.py": "x = 1\n"}, UNITTEST, "runs no tests"),
        ({}, ("python", "-m", "nowhere"), "has no module nowhere. Have it installed with --install"),
        ({"t.sh": "#!/nowhere/sh\n"}, ("./t.sh",), "can't be run in the sandbox"),
        ({}, ("make", "test"), "No rule to make target 'test'"),
        ({"Makefile": ""}, ("make", "test"), "No rule to make target 'test'"),
        ({}, ("make",), "no makefile"),
        (
            {
                ".gitignore": "settings_local.py\n",
                "test_calc.py": "import settings_local\n\n\ndef test(): pass\n",
            },
            ("pytest", "-q"),
            "--show settings_local.py",
        ),
        (
            {"Makefile": "test:\n\tno-such-runner -q\n"},
            ("make", "test"),
            "wants no-such-runner, which is not",
        ),
        ({"Makefile": "test:\n\tno-such-runner -q | cat; false\n"}, ("make", "test"), "wants no-such-runner"),
        ({"t.sh": "set -e\nno-such-runner\n"}, ("bash", "t.sh"), "wants no-such-runner, which is not"),
        ({"t.sh": "curl -s -S http://nowhere.example/ || exit 3\n"}, ("sh", "t.sh"), "the network"),
        (
            {"setup.cfg": "[tool:pytest]\naddopts = --cov=calc --no-cov-on-fail\n", "test_calc.py": TESTS},
            ("pytest", "-q"),
            "can't be run: unrecognized arguments: --cov=calc --no-cov-on-fail. A plugin of pytest's isn't",
        ),
        (
            {"pytest.ini": "[pytest]\nrequired_plugins = pytest-nowhere>=1\n", "test_calc.py": TESTS},
            ("pytest", "-q"),
            "Missing required plugins: pytest-nowhere>=1.",
        ),
    ],
)
async def test_a_command_that_can_decide_nothing_is_refused_before_any_call(
    tmp_path: Path, files: dict[str, str], command: tuple[str, ...], said: str
) -> None:
    run = await Watched(tmp_path, {"calc.py": WRONG, **files}).run(*command)

    assert (run.status, run.exit_code, run.calls) == ("error", 2, 0)
    assert said in (run.error or "")


async def test_without_tox_the_command_of_its_environment_is_advised(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"tox.ini": "[testenv]\ncommands = pytest {posargs:tests}\n"})

    with pytest.raises(UsageError, match="--test 'python -m pytest -q tests'"):
        await watched.run("tox")


LAUNCHED = {
    "uv": ("uv", "run", "--frozen", "--group", "dev", *UNITTEST),
    "uv's module": ("uv", "run", "-m", *UNITTEST[2:]),
    "poetry": ("poetry", "run", *UNITTEST),
    "make": ("make", "test"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAUNCHED)
async def test_what_a_launcher_starts_runs_in_the_environment_of_the_task(tmp_path: Path, name: str) -> None:
    makefile = f"test:\n\tuv run --frozen {' '.join(UNITTEST)}\n"
    watched = Watched(tmp_path, {"calc.py": WRONG, "test_calc.py": TESTS, "Makefile": makefile})

    run = await watched.run(*LAUNCHED[name], answers=(answer(RIGHT),))

    assert run.status == "solved", run.error or run.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"conftest.py": "import calc\ncalc.mul()\n"}, "TypeError"),
        ({"conftest.py": "import missing\n"}, "No module named 'missing'"),
        ({"conftest.py": "import calc\ncalc.sub\n"}, "has no attribute 'sub'"),
        ({"conftest.py": "x = 1 / 0\n"}, "division by zero"),
        ({"conftest.py": "def pytest_configure():\n    raise RuntimeError('no display')\n"}, "no display"),
        ({"test_calc.py": f"{TESTS}\ndef broken(:\n"}, "SyntaxError"),
    ],
)
async def test_tests_that_break_before_they_run_are_a_task_and_the_model_is_told_why(
    tmp_path: Path, files: dict[str, str], told: str
) -> None:
    watched = Watched(tmp_path, {"calc.py": WRONG, "test_calc.py": TESTS, **files})

    run = await watched.run("pytest", "-q", answers=(answer(WRONG),) * 4)

    assert run.calls > 0, run.error
    assert told in str(watched.model.requests[0].messages)


@pytest.mark.slow
async def test_tests_beside_a_path_that_is_one_file_are_hinted_at(tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(TESTS)
    task = Task(prompt="Fix it.", workspace=tmp_path / "calc.py", test_command=("pytest", "-q"))

    run = await solve(task, model=Scripted([]), log=MemoryLog())

    assert (run.exit_code, run.calls) == (2, 0)
    assert "PATH names the file calc.py alone" in (run.error or "")


@pytest.mark.slow
async def test_doctests_alone_are_tests(tmp_path: Path) -> None:
    source = 'def add(a, b):\n    """\n    >>> add(2, 3)\n    5\n    """\n    return a - b\n'
    watched = Watched(tmp_path, {"calc.py": source})

    run = await watched.run(
        "pytest", "-q", "--doctest-modules", answers=(answer(source.replace("a - b", "a + b")),)
    )

    assert (run.status, run.calls) == ("solved", 1), run.error


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("PYTHONPATH=lib", *UNITTEST), ("env", "PYTHONPATH=lib", "MODE=x", *UNITTEST), UNITTEST]
)
async def test_what_a_command_sets_or_the_user_has_set_is_set_for_its_tests(
    tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if command == UNITTEST:
        monkeypatch.setenv("PYTHONPATH", f"lib:/nowhere:{tmp_path}/../other")
    (tmp_path / "lib").mkdir()
    watched = Watched(tmp_path, {"lib/calc.py": WRONG, "test_calc.py": TESTS})

    run = await watched.run(*command, answers=(answer(RIGHT).replace("calc.py", "lib/calc.py"),))

    assert (run.status, run.calls) == ("solved", 1), run.error
    assert [line.name for line in run.tests] == ["test_calc.Test.test_add", "test_calc.Test.test_mul"]


@pytest.mark.slow
@pytest.mark.parametrize("command", [UNITTEST, ("python", "-m", "pytest", "-q")], ids=["unittest", "pytest"])
async def test_code_that_python_cannot_read_is_a_fault_to_mend(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    watched = Watched(tmp_path, {"calc.py": RIGHT.replace("):", ")"), "test_calc.py": TESTS})

    run = await watched.run(*command, answers=(answer(RIGHT),))

    assert (run.status, run.calls) == ("solved", 1), run.error
    first = (await watched.baseline(run)).first
    assert first is not None
    assert (first.path, first.line) == ("calc.py", 1)


@pytest.mark.slow
async def test_the_junit_file_that_an_unknown_command_writes_names_its_failures(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": WRONG, "check.sh": WRITES_JUNIT})

    run = await watched.run("./check.sh", answers=(answer(RIGHT),))

    baseline = await watched.baseline(run)
    assert [(test.name, test.passed) for test in baseline.tests] == [("adds", False), ("other", True)]
    assert baseline.first is not None
    assert (baseline.first.path, baseline.first.line) == ("calc.py", 2)
    assert (baseline.first.expected, baseline.first.actual) == ("5", "-1")
    assert run.status == "solved"


MANY = "import unittest\nfrom calc import add\n\n\nclass Sums(unittest.TestCase):\n" + "".join(
    f"    def test_{i}(self):\n        self.assertEqual(add({i}, 1), {i + 1}, 'x' * 1800 + 'end of {i}')\n\n"
    for i in range(5)
)


@pytest.mark.slow
async def test_a_task_with_a_test_command_is_told_how_all_that_fails_does_so_now(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": WRONG, "test_sums.py": MANY})

    run = await watched.run(*UNITTEST, answers=(answer(RIGHT),), mends=False)

    prompt = watched.model.requests[0].messages[1].content
    assert run.status == "solved"
    assert "The tests are run by `python -m unittest`. Before your answer they fail like this:" in prompt
    assert "5 checks fail:" in prompt
    assert all(f"test_{i}" in prompt.partition("like this:")[2] for i in range(5))
    assert [f"xxend of {i}" in prompt for i in range(5)] == [True, True, True, False, False]


@pytest.mark.slow
async def test_a_model_that_reads_little_is_told_the_first_failure_alone(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": WRONG, "test_sums.py": MANY})

    await watched.run(*UNITTEST, answers=(answer(RIGHT),), mends=False, context=4_096)

    prompt = watched.model.requests[0].messages[1].content
    assert "This check fails:" in prompt
    assert "checks fail:" not in prompt
    assert len(prompt.partition("like this:")[2]) < 2_200


@pytest.mark.slow
async def test_a_task_whose_tests_pass_before_it_is_told_so(tmp_path: Path) -> None:
    watched = Watched(tmp_path, {"calc.py": RIGHT, "test_calc.py": TESTS})

    await watched.run(*UNITTEST, answers=(answer(RIGHT + "\n\nZERO = 0\n"),), mends=False)

    prompt = watched.model.requests[0].messages[1].content
    assert (
        "The tests are run by `python -m unittest`. The project's own tests, without your change: 2 pass."
        in prompt
    )
