"""The page about flows: its examples are typed, and run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from coder import Settings, Task
from coder.flows import Flow, resume_flow, run_flow
from coder.flows.fix_issue import Fixed, Issue
from coder.models.scripted import Scripted
from tests.coder.people.cli.console import Console
from tests.docs.test_coming_from import PAGE as COMING_FROM
from tests.faulty_endpoint import faulty_endpoint, says
from tests.memory_log import MemoryLog

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/write-a-flow.md").read_text()
FLOW, FROM_PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(COMMAND,) = re.findall(r"```sh\ncoder (.*?)\n```", PAGE)
(ISSUE,) = re.findall(r"echo '(.*?)' > issue.json", PAGE)
MENDED = says("calc.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.py").write_text(FLOW)
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "check.py").write_text("from calc import add\nassert add(2, 3) == 5\n")
    (folder / "issue.json").write_text('{"title": "add", "text": "It subtracts."}')
    return folder


@pytest.mark.slow
def test_the_examples_pass_mypy_strict(shop: Path) -> None:
    (shop / "begin.py").write_text(f"from shop import Issue, fix_issue\n{FROM_PYTHON}")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(shop / "begin.py")],
        cwd=ROOT,  # where the cache of the last check is
        env={**os.environ, "MYPYPATH": str(shop)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_flow_of_the_page_waits_and_finishes(shop: Path, tmp_path: Path) -> None:
    console = Console(home=tmp_path)
    with faulty_endpoint(MENDED) as endpoint:
        model = {"CODER_BASE_URL": endpoint.url, "CODER_MODEL": "toy", "CODER_STRATEGY": "repair"}
        waiting = console.run(*COMMAND.split(), "-y", cwd=shop, **model)
        run = json.loads(console.run("flow", "ls", "--json").out)[0]["run_id"]
        finished = console.run("approve", run, **model)

    assert waiting.code == 9, waiting.err
    assert "Open the pull request?" in waiting.err
    assert (finished.code, json.loads(finished.out)) == (0, {"title": "add", "solved": True}), finished.err
    assert "a + b" in (shop / "calc.py").read_text()


def test_the_issue_of_the_page_is_an_input_of_the_flow() -> None:
    assert Issue.model_validate_json(ISSUE).branch == "coder/issue-1"
    assert all(f"`{outcome}`" in PAGE for outcome in get_args(Fixed.model_fields["outcome"].annotation))


def price(count: int) -> int:
    return 3 * count


@pytest.mark.slow
async def test_every_word_for_a_builder_of_others_runs(tmp_path: Path) -> None:
    words = re.findall(r"`await (flow\..*?)`(?:;| \|)", COMING_FROM.partition("## Workflows")[2])
    mended = "```python\ndef add(a, b):\n    return a + b\n```"

    async def order(flow: Flow, count: int) -> int:
        outcomes = [await eval(word, {"flow": flow, "price": price, "Task": Task}) for word in words]
        assert outcomes[:3] == [6, [3, 6], [3, 6, 9]]
        assert (outcomes[3].agrees, outcomes[4].files) == (
            True,
            {"solution.py": "def add(a, b):\n    return a + b\n"},
        )
        return count

    log, model = MemoryLog(), Scripted([mended])
    waiting = await run_flow(order, 1, log=log, folder=tmp_path, model=model)
    finished = await resume_flow(
        waiting.run_id, order, answer="yes", log=log, model=model, settings=Settings(strategy="repair")
    )

    assert len(words) == 5
    assert (finished.status, finished.answer) == ("finished", 1), finished.error
