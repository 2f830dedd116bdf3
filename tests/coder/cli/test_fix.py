"""`coder fix` as a person meets it; an endpoint on loopback says what it is told to."""

from pathlib import Path

import pytest

from tests.coder.cli.console import Console, Finished
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says
from tests.git_repository import ENVIRONMENT, make_repository

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


def test_a_commit_is_made_where_the_user_is_and_undo_says_how_to_take_it_back(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=TEST)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--commit")
        done = console.run("fix", *flags, "--", "pytest", "-q", cwd=repository.top, **ENVIRONMENT)
    run = done.said[-1].split()[3]
    commit = repository.git("rev-parse", "HEAD")

    undone = console.run("undo", run)

    assert f"  ✓ commit {commit[:12]} on main" in done.err
    assert repository.git("log", "-1", "--format=%s") == "Make `pytest -q` pass"
    assert f"git revert {commit[:12]}" in undone.err
    assert (repository.top / "calc.py").read_text() == WRONG


def test_a_diff_that_is_not_applied_can_be_printed_again_and_applied_later(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, "--no-apply", cwd=project)
        run = done.said[-1].split()[3]
        exported = console.run("export", run)
        assert (project / "calc.py").read_text() == WRONG
        applied = console.run("resume", run, "--apply", "--base-url", endpoint.url, "-m", "toy")

    assert f"coder resume {run} --apply" in done.err
    assert done.out == exported.out
    assert done.out.startswith("diff --git a/calc.py b/calc.py\n")
    assert (applied.code, (project / "calc.py").read_text()) == (0, RIGHT), applied.err


def test_a_commit_without_a_repository_is_refused_before_any_call(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, "--commit", cwd=project)

    assert (done.code, endpoint.requests) == (2, [])
    assert "is in no git repository" in done.err


def test_a_test_command_in_a_repository_means_the_folder_where_one_is(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=TEST)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--test", "pytest -q", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", "Mend add.", *flags, cwd=repository.top)

    assert done.code == 0, done.err
    assert repository.git("status", "--porcelain") == "M calc.py"
