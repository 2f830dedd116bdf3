"""`coder ls --search` lists the runs that contain words."""

import json
import os
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.faulty_endpoint import faulty_endpoint, says

ADD = "```python\ndef add(a, b):\n    return a + b\n```\n"


def solve(console: Console, prompt: str, *more: str, cwd: Path | None = None) -> Finished:
    with faulty_endpoint(says(ADD)) as endpoint:
        check = ("--check", "assert add(2, 3) == 5")
        return console.run("solve", prompt, *check, "--base-url", endpoint.url, "-m", "toy", *more, cwd=cwd)


@pytest.mark.slow
def test_runs_are_found_by_words_of_their_task_and_shown_with_the_match(console: Console) -> None:
    solve(console, "Write add(a, b) for the warehouse.")
    solve(console, "Write add(a, b) for the museum.")

    rows = json.loads(console.run("ls", "--search", "museums", "--json").out)
    table = console.run("ls", "--search", "museums").out

    assert [row["task"] for row in rows] == ["Write add(a, b) for the museum."]
    assert "for the museum" in rows[0]["match"]
    assert rows[0]["run_id"] in table
    assert "warehouse" not in table


def test_words_that_no_run_contains_are_named(console: Console) -> None:
    done = console.run("ls", "--search", "zebra")

    assert (done.code, done.out) == (0, "")
    assert done.err.strip() == "No run contains all of these words: zebra"


def test_waiting_runs_are_not_searched(console: Console) -> None:
    done = console.run("ls", "--search", "zebra", "--waiting")

    assert done.code == 2
    assert "--waiting and --search exclude each other." in done.err


@pytest.mark.slow
def test_runs_in_a_folder_whose_name_is_not_utf8_are_listed_as_json(console: Console, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xff")
    folder.mkdir()

    solved = solve(console, "Write add(a, b).", ".", "-y", "--json", cwd=folder)
    listed = console.run("ls", "--json")

    assert json.loads(solved.out)["run_id"] == json.loads(listed.out)[0]["run_id"], solved.err
    assert json.loads(listed.out)[0]["folder"] == str(folder)
