"""What is decided hangs on kinds: with other words in every message of ours the outcomes are the same."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import coder

ROOT = Path(coder.__file__).parents[1]
PACKAGES = ("sandbox", "coder", "benchmarks")
WORDS = {
    "it did not end within": "its end never came in",
    "did not return within": "was silent for",
    "didn't return within": "was silent for",
    "gave no answer": "stayed silent",
    "} raised {exception": "} threw {exception",
    'f"stateful: {': 'f"another one each time: {',
    "The test command ran no test.": "Nothing was tried.",
    "Install it with: ": "Get it by ",
}
DECIDED = """
import asyncio, json, os, sys
from pathlib import Path
from benchmarks.judge.judge import open_judge
from benchmarks.suite import FunctionCase, Suite
from coder.engine.sampling.compare import behaviour
from coder.run.event_types import Spoken, parse
from coder.run.message import outcome_in
from coder.show.render import progress
from coder.engine.agent import solve
from coder.models.scripted import Scripted
from coder.run.settings import Budget, Settings
from tests.memory_log import MemoryLog
from coder.run.task import Task
from sandbox import open_sandbox
from sandbox.probe import probe_backends

SQUARES = FunctionCase(id="squares", prompt="", entry_point="f", timeout_s=0.3,
    test="def check(f):\\n    assert f(2) == 4\\n    assert f(3) == 9\\n",
    canonical_solution="def f(n): return n * n\\n")
SLEEPS = "import time\\ndef f(n): time.sleep(99)"
ANSWERS = ("def f(n, s=[4, 9]): return s.pop(0)", "def f(n): return n * n")
OWN = "class E(Exception): pass\\ndef within(n): raise E('within 1 s')"
LATE = "import time\\ndef within(n): time.sleep(99)"
GONE = "import os\\ndef within(n): os._exit(3)"
RAISES = "def within(n): raise KeyError(n)"

async def main():
    async with open_judge(Suite(name="s", version="1", cases=(SQUARES,))) as judge:
        brief = SQUARES.model_copy(update={"wall_s": 1.0})
        verdicts = [await judge.judge(brief, SLEEPS, retry=False)]
        verdicts += [await judge.judge(SQUARES, answer) for answer in ANSWERS]
    async with open_sandbox() as box:
        seen = [await behaviour(box, one, "within", inputs=[(1,)]) for one in (OWN, GONE, RAISES)]
        seen.append(await behaviour(box, LATE, "within", inputs=[(1,)], wall_s=1.0))
    log = MemoryLog()
    await solve(
        Task(prompt="f", test_command=("python3", "-m", "unittest")), log=log,
        model=Scripted(["```python\\nprint(1)\\n```"]),
        settings=Settings(
            plan=False, budget=Budget(max_calls=1, samples=1, repairs=0), python=Path(sys.executable)
        ),
    )
    bodies = [parse(event) for run in await log.runs() for event in await log.read(run.run)]
    outcomes = [body for body in bodies if isinstance(body, Spoken) and outcome_in(body.message) is not None]
    path, os.environ["PATH"] = os.environ["PATH"], "/nonexistent"
    fixes = {one.name: one.fix for one in await probe_backends() if one.name == "bubblewrap"}
    print(json.dumps({
        "verdicts": [(one.verdict, one.stateful) for one in verdicts], "behaviours": seen, "fixes": fixes,
        "shown": [progress(body) for body in outcomes],
    }))

asyncio.run(main())
"""


def decided(folder: Path) -> dict[str, object]:
    """What the packages in this folder decide."""
    ended = subprocess.run(
        [sys.executable, "-c", DECIDED],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    decisions: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    return decisions


def with_other_words(folder: Path) -> set[str]:
    """Copy the packages to a folder, with other words in their messages; those that were found."""
    occurrences = set()
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)  # with what is compiled already
    for path in folder.rglob("*.py"):
        text = path.read_text()
        if here := [words for words in WORDS if words in text]:
            occurrences.update(here)
            for words in here:
                text = text.replace(words, WORDS[words])
            path.write_text(text)
    return occurrences


@pytest.mark.slow
def test_with_other_words_in_messages_the_same_is_decided(tmp_path: Path) -> None:
    assert with_other_words(tmp_path) == WORDS.keys()

    with ThreadPoolExecutor() as pool:
        usual, other = pool.map(decided, (ROOT, tmp_path))

    assert usual.pop("shown") == ["  ✗ The test command ran no test."]
    assert other.pop("shown") == ["  ✗ Nothing was tried."]
    assert usual == other
    assert usual == {
        "verdicts": [["timeout", False], ["failed", True], ["passed", False]],
        "behaviours": [["!an exception of its own"], ["!"], ["!KeyError"], ["!late"]],
        "fixes": {"bubblewrap": "sudo apt-get install bubblewrap"},
    }
