"""`coder show`: the dialogue of a model that acted, its steps, and what is left out without --full."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from coder.engine.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.people.cli.app import run as coder
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.verdict_words import join_names
from coder.show.quotes import without_files
from coder.store import SqliteLog
from tests.coder.people.cli.console import Console

TESTS = "import pytest\n\nfrom calc import add\n\n\n@pytest.mark.parametrize('n', range(12))\n"
TESTS += "def test_add(n):\n    assert add(n, 0) == n\n\n\ndef test_two():\n    assert add(1, 1) == 2\n"


def call(name: str, **arguments: str) -> list[ToolCall]:
    return [ToolCall(id=f"{name}{len(str(arguments)):08d}", name=name, arguments=json.dumps(arguments))]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CODER_HOME with one run of a model that looked, edited, called no tool, and was done."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "test_calc.py").write_text(TESTS)
    answers = [
        call("bash", command="echo seen; chmod +x calc.py; printf '#!/bin/sh' > run; chmod +x run"),
        call("edit", path="calc.py", old="a - b", new="a + b"),
        call("fly", to="the moon"),
        call("done", summary="It adds."),
    ]
    task = Task(prompt="Mend add.", workspace=folder, test_command=("python", "-m", "pytest", "-q"))
    home = tmp_path_factory.mktemp("home")
    with SqliteLog(home) as log:
        run = solve(task, model=Scripted(answers), settings=Settings(strategy="act"), log=log)
        assert asyncio.run(run).status == "solved"
    return home


@pytest.fixture
def shows(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What `coder show` prints of that run with these flags."""
    monkeypatch.setenv("CODER_HOME", str(home))

    def printed(*flags: str) -> str:
        assert coder(("show", "run_", *flags)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return printed


def test_calls_are_numbered_where_they_are_made_and_where_they_are_answered(
    shows: Callable[..., str],
) -> None:
    output = shows()

    order = ["calls bash  (step 1)", "echo seen", "step 1  bash\n", "seen", "calls edit  (step 2)"]
    order += ["step 2  edit", "calc.py", "calls done  (step 4)", "solved"]
    at = 0
    for part in order:
        at = output.index(part, at) + 1


def test_a_step_is_shown_alone_with_what_it_changed(shows: Callable[..., str]) -> None:
    output = shows("--step", "2", "--diff")

    assert "old: a - b" in output
    assert "    -    return a - b\n    +    return a + b\n" in output
    assert "echo seen" not in output


def test_a_step_shows_modes_too(shows: Callable[..., str]) -> None:
    output = shows("--step", "1", "--diff")

    assert "    diff --git a/calc.py b/calc.py\n    old mode 100644\n    new mode 100755\n" in output
    assert "new file mode 100755" in output


def test_a_call_that_was_not_carried_out_is_shown_with_its_arguments(shows: Callable[..., str]) -> None:
    output = shows("--step", "3")

    assert output.startswith("step 3  fly\n  call\n    to: the moon\n  gave\n    There is no tool 'fly'.")


def test_a_step_that_there_is_not_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODER_HOME", str(home))

    assert coder(("show", "run_", "--step", "9")) == 2
    assert "has 3 steps" in capsys.readouterr().err


def test_quoted_files_are_a_line_each_unless_all_is_asked_for(shows: Callable[..., str]) -> None:
    short, full = shows(), shows("--full")

    assert "`calc.py`: 2 lines" in short
    assert "`test_calc.py`: 12 lines" in short
    assert "from calc import add" not in short
    assert "from calc import add" in full


def test_what_stands_around_quoted_files_stays() -> None:
    text = "Do it.\n\n`a.py`:\n````\n```\nx\n````\n\n`b.py`, lines 3 to 4 of 9:\n```\ny\nz\n```\n\nNow."

    assert without_files(text) == "Do it.\n\n`a.py`: 2 lines\n`b.py`, lines 3 to 4 of 9: 2 lines\n\nNow."
    assert without_files("It fails:\n```\nx\n```") == "It fails:\n```\nx\n```"


def test_of_many_tests_a_reason_names_three_and_a_count() -> None:
    assert join_names([f"t{i}" for i in range(40)]) == "t0, t1, t2 and 37 more"


@pytest.mark.parametrize("command", [("show", "--diff"), ("export",)])
def test_a_terminal_gets_colours_and_the_same_text_as_a_pipe(
    command: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    console, variables = Console(tmp_path), {"CODER_HOME": str(home), "NO_COLOR": ""}
    name, *flags = command

    drawn = console.on_terminal(name, "run_", *flags, columns=60, **variables).out
    piped = console.run(name, "run_", *flags, **variables).out

    assert "\x1b[92m+    return a + b\x1b[0m" in drawn
    assert re.sub(r"\x1b\[[0-9;]*m", "", drawn) == piped
