"""The test command that a person gave for a folder is used there until they give another one."""

import json
from pathlib import Path

import pytest

from coder.run.task import Task
from coder.show.given_tests import keep_tests, with_given_tests
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_chat import chat
from tests.coder.people.cli.test_fix import RIGHT, SUITE, WRONG, code
from tests.faulty_endpoint import faulty_endpoint, says

QUIET = ("python3", "-m", "unittest", "-q")


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder whose test fails."""
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(SUITE)
    return folder


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told, with a data folder of its own."""
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "data"))
    return []


def given_for(folder: Path, notes: list[str], *, no_test: bool = False) -> list[tuple[str, ...]]:
    task = Task(prompt="Mend it.", workspace=folder)
    return [tests.argv for tests in with_given_tests(task, no_test=no_test, tell=notes.append).found]


@pytest.mark.slow
def test_the_next_call_uses_the_command_and_says_where_it_is_from_until_it_is_forgotten(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(*[says(code(RIGHT))] * 3) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        console.run("fix", *model, "--test", " ".join(QUIET), cwd=project)
        (project / "calc.py").write_text(WRONG)
        again = console.run("fix", ".", *model, cwd=project)
        (project / "calc.py").write_text(WRONG)
        forgets = console.run("solve", "Mend add().", ".", *model, "--no-test", cwd=project)
        (project / "calc.py").write_text(WRONG)
        found = console.run("fix", ".", *model, "--json", cwd=project)

    assert "python3 -m unittest -q, from an earlier --test, which --no-test forgets; 1 fails" in again.err
    assert again.code == 0, again.err
    assert "tests:" not in forgets.err
    document = json.loads(found.out)
    assert (document["test_command"], document["test_command_from"]) == (
        "python -m unittest",
        "test_calc.py",
    )


@pytest.mark.slow
def test_a_kept_command_that_can_t_be_run_gives_way_to_the_found_one(console: Console, project: Path) -> None:
    (project / "check.py").write_text("import unittest\nunittest.main('test_calc')\n")
    with faulty_endpoint(*[says(code(RIGHT))] * 2) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        console.run("fix", *model, "--", "python3", "check.py", cwd=project)
        (project / "calc.py").write_text(WRONG)
        (project / "check.py").unlink()
        done = console.run("fix", ".", *model, cwd=project)

    assert "python3 check.py, from an earlier --test, which --no-test forgets; they can't be run" in done.err
    assert (done.code, (project / "calc.py").read_text()) == (0, RIGHT), done.err


@pytest.mark.slow
def test_the_command_of_a_conversation_is_kept_and_listed_with_what_is_allowed(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        chat(console, endpoint, f"/test {' '.join(QUIET)}", cwd=project, flags=())
        listed = chat(console, endpoint, "/permissions", "/test", "/permissions forget", cwd=project)

    assert f"{' '.join(QUIET)}: the tests, where none are given" in listed.out
    assert "0 of 1 test pass" in listed.out
    assert "nothing is allowed in advance" in listed.out


def test_a_command_is_kept_for_the_real_folder_alone(tmp_path: Path, project: Path, notes: list[str]) -> None:
    (tmp_path / "link").symlink_to(project)
    keep_tests(tmp_path / "link", QUIET, tell=notes.append)

    assert given_for(project, notes) == [QUIET]
    assert given_for(tmp_path, notes) == []
    assert given_for(project, notes, no_test=True) == []
    assert given_for(project, notes) == []
    assert notes == []


@pytest.mark.parametrize(
    ("command", "is_kept"),
    [
        (("pytest", "-q", "tests"), True),
        (("node", "test_calc.py"), True),
        (("python", "-m", "unittest", "discover"), True),
        (("pytest", "test_calc.py::Calc"), False),
        (("pytest", "-q", "test_calc.py"), False),
        (("sh", "-c", "cd . && pytest -k add"), False),
        (("go", "test", "-run=Add", "./..."), False),
        (("python", "-m", "unittest", "test_calc"), False),
    ],
)
def test_a_command_that_selects_single_tests_is_used_once(
    project: Path, notes: list[str], command: tuple[str, ...], is_kept: bool
) -> None:
    keep_tests(project, QUIET, tell=notes.append)

    keep_tests(project, command, tell=notes.append)

    assert given_for(project, notes) == [command if is_kept else QUIET]


def test_a_store_that_can_t_be_read_is_said_and_the_tests_are_found(
    tmp_path: Path, project: Path, notes: list[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "permissions.json").write_text("{")

    assert given_for(project, notes) == []
    assert len(notes) == 1
    assert "permissions.json" in notes[0]
