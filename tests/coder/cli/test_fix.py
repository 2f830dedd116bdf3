"""`coder fix` as a person meets it; an endpoint on loopback says what it is told to."""

from pathlib import Path

import pytest

from tests.coder.cli.console import Console, Finished
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"


def code(text: str) -> str:
    return f"```python\n{text}```\n"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder whose test fails."""
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(TEST)
    return folder


def fix(console: Console, endpoint: FaultyEndpoint, *arguments: str, cwd: Path) -> Finished:
    flags = ("--base-url", endpoint.url, "-m", "toy")
    return console.run("fix", *flags, *arguments, "--", "pytest", "-q", cwd=cwd)


def test_a_command_that_fails_is_made_to_pass_where_the_user_is(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, cwd=project)

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT
    assert done.out.startswith("diff --git a/calc.py b/calc.py\n")
    assert "✓ solved  1 of 1 passed" in done.err


def test_the_answer_that_changes_the_test_instead_changes_nothing(console: Console, project: Path) -> None:
    cheat = f"```python\n# test_calc.py\ndef test_add():\n    pass\n```\n{code(WRONG)}"
    with faulty_endpoint(says(cheat)) as endpoint:
        done = fix(console, endpoint, "--max-calls", "1", cwd=project)

    assert done.code != 0
    assert (project / "test_calc.py").read_text() == TEST


def test_without_a_command_it_says_what_to_give(console: Console) -> None:
    done = console.run("fix")

    assert done.code == 2
    assert "coder fix -- pytest -q" in done.err
