"""`coder undo`: once, twice, and what other commands say of a run that was undone."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, solve
from tests.faulty_endpoint import faulty_endpoint, says

NOTES = replaced("notes.py", "NOTES = 1\n")
TWO = f"Here it is.\n\n{replaced('solution.py', ADD)}\n{NOTES}"
MENDED = replaced("solution.py", ADD, SUBTRACT)


@pytest.fixture
def run(console: Console, folder: Path) -> str:
    """A run that has written over `solution.py`."""
    (folder / "solution.py").write_text(SUBTRACT)
    with faulty_endpoint(says(MENDED)) as endpoint:
        run: str = json.loads(solve(console, endpoint, str(folder), *CHECK, "--json").out)["run_id"]
    assert (folder / "solution.py").read_text() == ADD
    return run


def test_a_yes_beforehand_is_taken(console: Console, folder: Path, run: str) -> None:
    done = console.run("undo", run, "-y")

    assert (done.code, (folder / "solution.py").read_text()) == (0, SUBTRACT)


def listed(console: Console) -> dict[str, object]:
    (row,) = json.loads(console.run("ls", "--json").out)
    return dict(row)


@pytest.mark.slow
def test_a_second_undo_says_that_nothing_was_left_and_touches_nothing(
    console: Console, folder: Path, run: str
) -> None:
    first = console.run("undo", run)
    (folder / "solution.py").write_text("mine = 1\n")

    second, document = console.run("undo", run), console.run("undo", run, "--json")

    assert (first.code, first.err) == (0, "  ✓ solution.py is as it was before\n")
    assert (second.code, second.out) == (0, "")
    assert "Nothing was left to undo" in second.err
    assert "✓" not in second.err
    assert json.loads(document.out) == []
    assert (folder / "solution.py").read_text() == "mine = 1\n"


def test_what_stands_again_after_an_undo_can_be_undone_again(
    console: Console, folder: Path, run: str
) -> None:
    console.run("undo", run)
    patch = console.run("export", run).out
    subprocess.run(["git", "apply"], input=patch, text=True, cwd=folder, check=True)

    again = console.run("undo", run)

    assert (again.code, again.err) == (0, "  ✓ solution.py is as it was before\n")
    assert (folder / "solution.py").read_text() == SUBTRACT


@pytest.mark.slow
def test_only_the_file_that_was_left_is_gone_over_again(console: Console, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    with faulty_endpoint(says(MENDED + NOTES)) as endpoint:
        run = json.loads(solve(console, endpoint, str(folder), *CHECK, "--json").out)["run_id"]
    (folder / "notes.py").write_text("mine = 1\n")

    first = console.run("undo", run)
    (folder / "notes.py").write_text("NOTES = 1\n")
    second = console.run("undo", run)

    assert first.code == 1, first.err
    assert "✓ solution.py" in first.err
    assert (second.code, second.err) == (0, "  ✓ notes.py is as it was before\n")
    assert not (folder / "notes.py").exists()


def test_the_list_names_what_a_run_has_written_until_it_is_undone(console: Console, run: str) -> None:
    before = listed(console)
    console.run("undo", run)
    after = listed(console)

    assert (before["landed"], after["landed"]) == (["solution.py"], [])


@pytest.mark.slow
def test_what_was_accepted_unverified_and_undone_is_not_said_to_be_written_by_resume(
    console: Console, folder: Path
) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    with faulty_endpoint(says(MENDED)) as endpoint:
        run = json.loads(solve(console, endpoint, str(folder), "--accept-unverified", "--json").out)["run_id"]
    console.run("undo", run)

    resumed = console.run("resume", run, "--apply")

    assert (resumed.code, (folder / "solution.py").read_text()) == (2, SUBTRACT)
    assert f"coder export {run} | git apply" in resumed.err


@pytest.mark.slow
def test_a_command_without_a_run_takes_the_latest_one_of_this_folder(
    console: Console, folder: Path, run: str
) -> None:
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:  # a later one, elsewhere
        (console.home / "elsewhere").mkdir()
        solve(console, endpoint, str(console.home / "elsewhere"), *CHECK)

    for command in ("show", "export", "resume", "undo"):
        run_output, here = console.run(command, run, cwd=folder), console.run(command, cwd=folder)
        assert (here.code, untimed(here.out)) == (0, untimed(run_output.out)), command


def untimed(text: str) -> str:
    """A text without seconds."""
    return re.sub(r"\d+\.\d s", "", text)


def test_a_command_without_a_run_says_where_no_run_has_worked_on_this_folder(
    console: Console, tmp_path: Path, run: str
) -> None:
    (tmp_path / "empty").mkdir()

    done = console.run("show", cwd=tmp_path / "empty")

    assert done.code == 2
    assert (
        f"No run has worked on {tmp_path / 'empty'}. The latest of all is {run}. Name one of: coder ls"
        in done.err
    )


def test_the_list_shows_kind_and_folder_and_does_not_wrap_on_a_terminal(console: Console, run: str) -> None:
    (plain,) = console.run("ls").out.splitlines()
    rows = console.on_terminal("ls", columns=80).out.strip("\r\n").splitlines()

    assert f"{run}  solved" in plain
    assert "  task  " in plain
    assert "project" in plain
    assert [len(line) <= 80 for line in rows] == [True]


@pytest.mark.parametrize("no_color", ["", "1"])
def test_the_list_shows_the_task_on_a_terminal_of_40_columns(
    console: Console, run: str, no_color: str
) -> None:
    (listed,) = json.loads(console.run("ls", "--json").out)

    lines = console.on_terminal("ls", columns=40, NO_COLOR=no_color).out.strip("\r\n").splitlines()

    (row,) = [line for line in lines if line.startswith(run)]
    assert len(row) <= 40
    assert row.split(maxsplit=1)[1].startswith(listed["task"][:20].rstrip())
