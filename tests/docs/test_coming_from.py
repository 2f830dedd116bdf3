"""Every command of the page for those who come from another agent does what it stands for."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import make_repository

PAGE = (Path(__file__).parents[2] / "docs/how-to/coming-from.md").read_text()
HERE = "\n".join(line.split(" | ", 1)[1] for line in PAGE.splitlines() if line.startswith("| "))
COMMANDS = list(dict.fromkeys(re.findall(r"`(coder [^`]*)`", HERE)))
IN_CHAT = list(dict.fromkeys(re.findall(r"(?<![\w.])(/[a-z]+)\b", "".join(re.findall(r"`[^`]*`", HERE)))))
MENDED = "calc.py\n```python\ndef add(a, b):\n    return a + b\n```\n"
AFTERWARDS = {"fork": 6, "resume": 8, "stop": 2, "approve": 2}
"""A fork gets the one answer of the test's model again; the run has ended unverified, and awaits nothing."""
MESSAGES = "Mend add in calc.py\ny\n"


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    repository = make_repository(tmp_path / "work", calc__py="def add(a, b):\n    return a - b\n")
    repository.write(check__py="from calc import add\nassert add(2, 3) == 5\n")
    repository.commit()
    (tmp_path / "lib").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CODER_")}
    with faulty_endpoint(says(MENDED)) as endpoint:
        ours = {"CODER_HOME": str(tmp_path / "home"), "CODER_BASE_URL": endpoint.url, "CODER_MODEL": "toy"}
        yield kept | ours | {"OPENAI_API_KEY": "unused", "PWD": str(tmp_path / "work")}


def coder(words: list[str], environ: Mapping[str, str], typed: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(Path(sys.executable).with_name("coder")), *words],
        cwd=environ["PWD"],
        env=environ,
        input=typed,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_ends_well(command: str, environ: dict[str, str]) -> None:
    words = shlex.split(command)[1:]
    if "RUN" in words or "--continue" in words:
        began = coder(["chat"], environ, MESSAGES)
        (run,) = set(re.findall(r"run_\w+", began.stderr))
        words = [run if word == "RUN" else word for word in words]

    if "--max-cost" in words:  # nobody knows what the model of a test costs
        words[1:1] = ["--price", "0,0"]

    goes_on = "--continue" in words

    done = coder(words, environ, "/diff\n" if goes_on else MESSAGES)

    untested = words[0] == "chat" and "--test" not in words and not goes_on
    assert done.returncode == (8 if untested else AFTERWARDS.get(words[0], 0)), done.stderr
    if words[0] in ("stop", "approve"):
        assert "already" in done.stderr
    if words[0] in ("solve", "fix", "chat") and not goes_on:
        assert "a + b" in (Path(environ["PWD"]) / "calc.py").read_text()


@pytest.mark.slow
def test_every_command_in_a_chat_is_known_there(environ: dict[str, str]) -> None:
    assert len(IN_CHAT) >= 8

    done = coder(["chat"], environ, MESSAGES + "\n\n".join(IN_CHAT) + "\n\n/nonsense\n")

    assert done.stderr.count("There is no command") == 1, done.stderr
