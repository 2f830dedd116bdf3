"""The reporter: what it says of a test command, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPORTER = Path(__file__).parents[2] / "coder" / "reporter.py"


def report(
    folder: Path, *args: str, ours: tuple[str, ...] = ("test_it.py",)
) -> tuple[int, list[dict[str, object]]]:
    """Exit code and rows of the reporter, run on these arguments in `folder`."""
    (folder / "config.json").write_text(json.dumps({"report": "report.jsonl", "ours": list(ours)}))
    done = subprocess.run(
        [sys.executable, REPORTER, "config.json", *args],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    path = folder / "report.jsonl"
    return done.returncode, [json.loads(row) for row in path.read_text().splitlines()]


def write(folder: Path, solution: str, test: str) -> None:
    """The two files of a small task."""
    (folder / "solution.py").write_text(solution)
    (folder / "test_it.py").write_text(test)


ADD_TEST = "from solution import add\n\ndef test_add():\n    assert add(2, 3) == 5\n"


def test_each_pytest_test_is_reported_and_then_the_end(tmp_path: Path) -> None:
    write(tmp_path, "def add(a, b):\n    return a + b\n", ADD_TEST)

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 0
    assert [row.get("passed") for row in rows if "test" in row] == [True]
    assert rows[-1] == {"end": 0}


def test_a_failing_assertion_is_quoted(tmp_path: Path) -> None:
    write(tmp_path, "def add(a, b):\n    return a - b\n", ADD_TEST)

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 1
    assert "assert -1 == 5" in str(rows[1]["message"])


@pytest.mark.parametrize("command", [("-m", "pytest", "-q"), ("-m", "unittest", "test_it"), ("test_it.py",)])
@pytest.mark.parametrize("way_out", ["import os; os._exit(0)", "import sys; sys.exit(0)", "raise SystemExit"])
def test_a_solution_that_ends_the_process_is_never_a_pass(
    tmp_path: Path, command: tuple[str, ...], way_out: str
) -> None:
    write(tmp_path, f"{way_out}\n", "import unittest\nfrom solution import add\nassert add(2, 3) == 5\n")

    _, rows = report(tmp_path, *command)

    ended_well = "end" in rows[-1]
    passed = [row for row in rows if row.get("passed")]
    assert not (ended_well and passed)


def test_a_pytest_of_the_solutions_own_is_not_asked(tmp_path: Path) -> None:
    write(tmp_path, "def add(a, b):\n    return 0\n", ADD_TEST)
    (tmp_path / "pytest.py").write_text("def main(args, plugins):\n    return 0\n")

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 1
    assert [row.get("passed") for row in rows if "test" in row] == [False]


def test_a_skipped_test_is_not_a_pass(tmp_path: Path) -> None:
    write(tmp_path, "import pytest\npytest.skip('no', allow_module_level=True)\n", ADD_TEST)

    _, rows = report(tmp_path, "-m", "pytest", "-q")

    assert not any(row.get("passed") for row in rows)


def test_a_test_file_with_its_own_exit_code_is_believed(tmp_path: Path) -> None:
    write(tmp_path, "x = 1\n", "import sys\nimport solution\nsys.exit(0 if solution.x == 1 else 1)\n")

    code, rows = report(tmp_path, "test_it.py")

    assert (code, rows[-1]) == (0, {"end": 0})
