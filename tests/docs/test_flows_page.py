"""The page about flows: its examples are typed, and run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from coder.flows.fix_issue import Fixed, Issue
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/write-a-flow.md").read_text()
FLOW, FROM_PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(COMMAND,) = re.findall(r"```sh\ncoder (.*?)\n```", PAGE)
(ISSUE,) = re.findall(r"echo '(.*?)' > issue.json", PAGE)
MENDED = says("```python\n# calc.py\ndef add(a, b):\n    return a + b\n```")


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
