"""Test commands with operators of the shell."""

from pathlib import Path

import pytest

from coder.config.task_file import split_command
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.source.shell import command_words, format_command, line_of, split_line
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = "import add\n\nassert add.add(2, 3) == 5, 'sum'\n"


@pytest.mark.parametrize(
    "text",
    [
        "pytest -q | tail -3",
        "cd src && pytest",
        "make; make test",
        "pytest 2>&1",
        "sh t <in",
        "true\npytest",
        "pytest $(cat names)",
        "pytest `cat names`",
        "pytest $NAMES",
        """test "$(python3 main.py)" = 5""",
    ],
)
def test_a_line_with_operators_is_run_by_bash(text: str) -> None:
    words = command_words(text)

    assert words == ("bash", "-o", "pipefail", "-c", text)
    assert (line_of(words), format_command(words)) == (text, text)


@pytest.mark.parametrize(
    "text",
    [
        "pytest -q",
        "pytest -k 'a|b'",
        'pytest -k "a && b"',
        "pytest a\\|b",
        "A=b sh t",
        "grep -q 'a$' '$(out)' out",
        'grep -q "a$" out',
        'grep -q "\\$(a) \\`b" out',
    ],
)
def test_a_line_without_them_is_split_into_words(text: str) -> None:
    assert line_of(command_words(text)) is None


async def solved(folder: Path, test: str, answer: str) -> Run:
    """A run on a folder of add.py, which is wrong, and its test."""
    (folder / "add.py").write_text(WRONG)
    (folder / "check.py").write_text(TEST)
    task = Task(prompt="Mend add.", workspace=folder, test_command=split_command(test))
    settings = Settings(edit_format="whole", budget=Budget(max_calls=1))
    return await solve(task, model=Scripted([answer]), settings=settings, log=MemoryLog())


@pytest.mark.slow
@pytest.mark.parametrize("test", ["python3 check.py | cat", "cat check.py >copy && python3 check.py 2>&1"])
async def test_a_pipe_decides_by_what_failed_in_it(tmp_path: Path, test: str) -> None:
    run = await solved(tmp_path, test, f"`add.py`\n```python\n{RIGHT}```\n")

    assert (run.status, run.strength, run.landed) == ("solved", "inside", ("add.py",))


@pytest.mark.slow
async def test_a_pipe_fails_where_its_first_command_does(tmp_path: Path) -> None:
    run = await solved(tmp_path, "python3 check.py | cat", f"`add.py`\n```python\n# again\n{WRONG}```\n")

    assert (run.status, run.tests[0].name) == ("limit", "python3 check.py | cat")
    assert "AssertionError: sum" in run.tests[0].message


@pytest.mark.slow
async def test_a_file_that_a_pipe_names_is_never_written(tmp_path: Path) -> None:
    run = await solved(tmp_path, "python3 check.py | cat", "check.py\n```python\nprint(1)\n```\n")

    assert (run.status, run.landed) == ("limit", ())


def test_a_line_of_others_is_split_unless_it_is_far_too_long() -> None:
    assert split_line("a 'b c' # d", comments=True) == ["a", "b c"]
    with pytest.raises(ValueError, match="more than 8,192 characters"):
        split_line("a" * 8_193)
