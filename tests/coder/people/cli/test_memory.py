"""`coder memory` lists what runs of a folder teach, forgets runs, and turns recalling off."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says

EDIT = "calc.py\n```python\ndef add(a, b):\n    return a + b\n```\n"
TEST = "import unittest\nfrom calc import add\n\n\nclass Test(unittest.TestCase):\n"
TEST += "    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n"


def mend(console: Console, folder: Path) -> str:
    """The id of a run that has mended a folder."""
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "test_calc.py").write_text(TEST)
    with faulty_endpoint(says(EDIT)) as endpoint:
        done = console.run(
            "fix", "-y", "--json", "--strategy", "repair", "--base-url", endpoint.url, "-m", "toy",
            "--", "python3", "-m", "unittest", cwd=folder,
        )  # fmt: skip
    assert done.code == 0, done.err
    return str(json.loads(done.out)["run_id"])


def lessons(console: Console, folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(console.run("memory", "ls", "--json", cwd=folder).out)
    return rows


@pytest.mark.slow
def test_a_mended_failure_is_listed_until_it_is_forgotten(console: Console, tmp_path: Path) -> None:
    (folder := tmp_path / "project").mkdir()
    run = mend(console, folder)

    (row,) = lessons(console, folder)
    table = console.run("memory", "ls", cwd=folder)
    forgotten = console.run("memory", "forget", run)
    empty_table = console.run("memory", "ls", cwd=folder)

    assert (row["run"], row["changed"]) == (run, ["calc.py"])
    assert "test_add" in str(row["failed"])
    assert (run in table.out, table.err) == (True, "")
    assert (forgotten.code, forgotten.err.strip()) == (0, "1 run forgotten.")
    assert (run in empty_table.out, "No run in this folder has mended" in empty_table.err) == (False, True)
    assert lessons(console, folder) == []


@pytest.mark.slow
def test_all_runs_can_be_forgotten_and_memory_turned_off_and_on(console: Console, tmp_path: Path) -> None:
    (folder := tmp_path / "project").mkdir()
    mend(console, folder)

    assert console.run("memory", "off").code == 0
    assert "Memory is off." in console.run("memory", "ls", cwd=folder).err
    assert console.run("memory", "on").code == 0
    assert console.run("memory", "forget", "--all").code == 0
    assert lessons(console, folder) == []


def test_forgetting_needs_a_run_or_all(console: Console) -> None:
    done = console.run("memory", "forget")

    assert done.code == 2
    assert "Name runs, or --all." in done.err
