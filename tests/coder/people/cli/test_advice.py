"""The next step of a run that wasn't solved: it fits the cause. An endpoint on loopback gives the answers."""

import json
import re
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import code, solve
from tests.faulty_endpoint import faulty_endpoint, says
from tests.growing_limits import growing_limits

CHECK = ("--check", "assert add(2, 3) == 5")
NEEDS = "import nosuchpackage\n\n\ndef add(a, b):\n    return a + b\n"
READS = "import socket\n\nsocket.create_connection(('example.com', 80))\n"
ASKS_IN_FUNCTION = "import socket\n\n\ndef add(a, b):\n    return socket.gethostbyname('example.com')\n"
SERVES = "import time\n\nwhile True:\n    time.sleep(1)\n"
LATE = "import time\n\n\ndef add(a, b):\n    time.sleep(6000)\n"
WRONG = "def add(a, b):\n    return a - b\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "arguments", "cause", "advice"),
    [
        (NEEDS, CHECK, "missing_module", "nosuchpackage is missing: what the folder declares is installed"),
        (NEEDS, CHECK, "missing_module", "--install-with 'pip install NAME'"),
        (READS, CHECK, "network", "--network HOST"),
        (ASKS_IN_FUNCTION, CHECK, "network", "--network HOST"),
        (SERVES, CHECK, "program_timeout", "say what to check: --check or --test"),
        (LATE, CHECK, "program_timeout", "--program-timeout SECONDS"),
        (WRONG, CHECK, None, "try a stronger --model"),
    ],
)
def test_the_next_step_fits_why_the_code_failed(
    console: Console, answer: str, arguments: tuple[str, ...], cause: str | None, advice: str
) -> None:
    once = ("--samples", "1", "--repairs", "0")
    with faulty_endpoint(says(code(answer))) as endpoint:
        for limit_s in growing_limits(1) if cause == "program_timeout" else [60]:
            done = solve(console, endpoint, *arguments, *once, "--json", "--program-timeout", f"{limit_s:g}")
            if advice in done.next:
                break
    document = json.loads(done.out)

    assert done.code == 1, done.err
    assert (document["status"], document["cause"]) == ("unsolved", cause)
    assert advice in done.next
    assert "install nosuchpackage" not in done.err  # a stranger may own the package of a module's name
    assert ("stronger" in done.err) == (cause is None)


@pytest.mark.slow
def test_tests_that_take_too_long_get_more_time(console: Console, tmp_path: Path) -> None:
    (tmp_path / "add.py").write_text(WRONG)
    (tmp_path / "test_add.py").write_text("import add\n\n\ndef test_add():\n    assert add.add(2, 3) == 5\n")
    with faulty_endpoint(says(replaced("add.py", LATE, WRONG))) as endpoint:
        for limit_s in growing_limits(2):
            flags = ("--test", "pytest -q", "--test-timeout", f"{limit_s:g}", "--max-calls", "1")
            done = solve(console, endpoint, str(tmp_path), *flags)
            if "--test-timeout" in done.next:
                break

    assert "give the tests more time: --test-timeout SECONDS   coder resume " in done.next, done.err


@pytest.mark.slow
def test_what_was_written_with_its_tests_can_be_taken_as_it_is(console: Console, tmp_path: Path) -> None:
    files = {"add.py": "def add(a, b):\n    return a + b\n", "test_add.py": "def test_add():\n    pass\n"}
    answer = "".join(replaced(path, text) for path, text in files.items())
    folder = tmp_path / "project"
    folder.mkdir()
    with faulty_endpoint(says(answer)) as endpoint:
        done = solve(console, endpoint, str(folder), "--test", "pytest -q")
        again = re.findall(r"coder (resume .*)$", done.next)[0].split()
        completed = console.run(*again)

    assert done.code == 8, done.err
    assert again[-1] == "--accept-unverified"
    assert completed.code == 0, completed.err
    assert {path.name: path.read_text() for path in folder.iterdir()} == files


COVERAGE = "FAIL Required coverage of 90% not reached."
ENDS_BADLY = f"""
def pytest_sessionfinish(session, exitstatus):
    session.exitstatus = exitstatus or 1


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("{COVERAGE}")
"""
LINTS = "import sys\n\nprint('add.py:1:1: F401 unused')\nprint('Found 1 error.')\nsys.exit(1)\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "line"),
    [
        pytest.param("pytest -q", f"✗ {COVERAGE}", id="coverage"),
        pytest.param("make lint", "failed   make lint: Found 1 error.", id="make"),
        pytest.param("python lint.py", "got exit code 1: Found 1 error.", id="script"),
    ],
)
def test_a_command_that_fails_behind_its_tests_is_told_by_its_reason_and_asks_for_no_other_model(
    console: Console, tmp_path: Path, command: str, line: str
) -> None:
    files = {
        "add.py": WRONG,
        "conftest.py": ENDS_BADLY,
        "lint.py": LINTS,
        "Makefile": "lint:\n\tpython lint.py\n",
        "test_add.py": "import add\n\n\ndef test_add():\n    assert add.add(2, 3) == 5\n",
    }
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    once = ("--strategy", "repair", "--no-plan", "--samples", "1", "--repairs", "0")
    with faulty_endpoint(says(replaced("add.py", WRONG.replace("-", "+"), WRONG))) as endpoint:
        done = solve(console, endpoint, str(tmp_path), "--test", command, *once)

    assert line in done.err
    assert "its last line says which" in done.next
    assert "stronger" not in done.err
