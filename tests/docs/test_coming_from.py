"""Every command of the page for those who come from another agent does what it stands for."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import ENVIRONMENT, make_repository

PAGE = (Path(__file__).parents[2] / "docs/how-to/coming-from.md").read_text()
HERE = "\n".join(line.split(" | ", 1)[1] for line in PAGE.splitlines() if line.startswith("| "))
COMMANDS = list(dict.fromkeys(re.findall(r"`(coder [^`]*)`", HERE)))
IN_CHAT = list(dict.fromkeys(re.findall(r"(?<![\w.])(/[a-z]+)\b", "".join(re.findall(r"`[^`]*`", HERE)))))
MENDED = "calc.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n"
AFTERWARDS = {"fork": 6, "resume": 8, "stop": 2, "approve": 2}
"""A fork gets the one answer of the test's model again; the run has ended unverified, and awaits nothing."""
MESSAGES = "Mend add in calc.py\ny\n"


class Agent:
    """`coder` in a repository whose check fails, with a model that mends it."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.work = folder / "work"
        self._console = Console(folder)
        variables = {"CODER_BASE_URL": base_url, "CODER_MODEL": "toy", "OPENAI_API_KEY": "unused"}
        self._environ = ENVIRONMENT | variables

    def run(self, words: list[str], typed: str) -> Finished:
        return self._console.run(*words, stdin=typed.encode(), cwd=self.work, **self._environ)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    repository = make_repository(tmp_path / "work", calc__py="def add(a, b):\n    return a - b\n")
    repository.write(check__py="from calc import add\nassert add(2, 3) == 5\n")
    repository.commit()
    (tmp_path / "lib").mkdir()
    with faulty_endpoint(says(MENDED)) as endpoint:
        yield Agent(tmp_path, endpoint.url)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_ends_well(command: str, agent: Agent) -> None:
    words = shlex.split(command)[1:]
    if "RUN" in words or "--continue" in words:
        began = agent.run(["chat"], MESSAGES)
        (run,) = set(re.findall(r"run_\w+", began.err))
        words = [run if word == "RUN" else word for word in words]

    if "--max-cost" in words:  # nobody knows what the model of a test costs
        words[1:1] = ["--price", "0,0"]

    if words[:2] == ["bench", "run"]:
        words += ["--slice", "0:1"]

    goes_on = "--continue" in words

    done = agent.run(words, "/diff\n" if goes_on else MESSAGES)

    untested = words[0] == "chat" and "--test" not in words and not goes_on
    assert done.code == (8 if untested else AFTERWARDS.get(words[0], 0)), done.err
    if words[0] in ("stop", "approve"):
        assert "already" in done.err
    if words[0] in ("solve", "fix", "chat") and not goes_on:
        assert "a + b" in (agent.work / "calc.py").read_text()


@pytest.mark.slow
def test_every_command_in_a_chat_is_known_there(agent: Agent) -> None:
    assert len(IN_CHAT) >= 8

    done = agent.run(["chat"], MESSAGES + "\n\n".join(IN_CHAT) + "\n\n/nonsense\n")

    assert done.err.count("There is no command") == 1, done.err
