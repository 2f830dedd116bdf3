"""A change of what only the tests and the test command use solves nothing by itself."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.programs import require_toolchain

pytestmark = [KEPT, KEPT_BASELINES, pytest.mark.slow]

SETTINGS = Settings(python=only_pytest(), plan=False, strategy="repair", budget=Budget(samples=1, repairs=0))
WRONG = "def price(n):\n    return n\n"
RIGHT = "def price(n):\n    return 2 * n\n"
TEST = """from cases import CASES
from shop import price


def test_all():
    for n, want in CASES:
        assert price(n) == want
"""
CASES = {"shop.py": WRONG, "cases.py": "CASES = [(1, 2), (2, 4)]\n", "test_shop.py": TEST}
CHECK = """import os, sys

sys.path.insert(0, os.getcwd())
from shop import price

if price(2) != 4:
    sys.exit(1)
"""
NODE = {
    "package.json": '{"name": "shop", "scripts": {"test": "node check.js"}}',
    "index.js": "exports.price = n => n;\n",
    "check.js": "if (require('./index').price(2) !== 4) process.exit(1);\n",
}


async def work(folder: Path, files: dict[str, str], text: str, command: str, prompt: str = "Mend it.") -> Run:
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)
    task = Task(prompt=prompt, workspace=folder, test_command=tuple(command.split()))
    return await solve(task, model=Scripted([text]), settings=SETTINGS, log=MemoryLog())


def blocks(files: dict[str, str]) -> str:
    return "".join(
        f"**{path}**\n```{'python' if path.endswith('py') else 'js'}\n{text}```\n\n"
        for path, text in files.items()
    )


@pytest.mark.parametrize(
    ("files", "command", "change"),
    [
        (CASES, "pytest -q", {"cases.py": "CASES = []\n"}),
        (
            {**CASES, "pyproject.toml": '[project]\nname = "shop"\n'},
            "pytest -q",
            {"cases.py": "CASES = []\n"},
        ),
        (
            {"shop.py": WRONG, "tools/check.py": CHECK, "Makefile": "test:\n\tpython3 tools/check.py\n"},
            "make test",
            {"tools/check.py": CHECK.replace("4", "2")},
        ),
        (
            {"shop.py": WRONG, "lib/c.py": CHECK, "check": "python3 lib/c.py\n"},
            "sh check",
            {"lib/c.py": CHECK.replace("4", "2")},
        ),
        (NODE, "npm test", {"check.js": NODE["check.js"].replace("4", "2")}),
    ],
    ids=["cases", "cases of a project", "by make", "by a script", "by npm"],
)
async def test_a_change_of_what_only_the_tests_use_is_unverified(
    tmp_path: Path, files: dict[str, str], command: str, change: dict[str, str]
) -> None:
    require_toolchain(command.partition(" ")[0])

    run = await work(tmp_path, files, blocks(change), command)

    assert (run.status, run.strength, run.landed) == ("unverified", "none", ())
    assert run.reason == f"it changes only what the tests and the test command use: {next(iter(change))}"
    assert run.test_support == tuple(change)


@pytest.mark.parametrize("shop", [WRONG + "\n# better\n", WRONG + "\n\ndef total():\n    return 0\n"])
async def test_so_is_one_that_passes_by_it_beside_another_change(tmp_path: Path, shop: str) -> None:
    run = await work(tmp_path, CASES, blocks({"cases.py": "CASES = []\n", "shop.py": shop}), "pytest -q")

    assert run.status == "unverified"
    assert run.reason == "the tests pass by what it changes of their own files alone: cases.py"


async def test_a_change_of_the_code_that_also_changes_the_support_solves_the_task(tmp_path: Path) -> None:
    more = {"cases.py": "CASES = [(1, 2), (2, 4), (3, 6)]\n", "shop.py": RIGHT}

    run = await work(tmp_path, CASES, blocks(more), "pytest -q")

    assert (run.status, run.verified) == ("solved", "tests")


async def test_so_does_one_of_the_support_that_the_task_names(tmp_path: Path) -> None:
    prompt = "Prices stay: the expectations in cases.py are wrong."

    run = await work(tmp_path, CASES, blocks({"cases.py": "CASES = [(1, 1)]\n"}), "pytest -q", prompt)

    assert run.status == "solved"


async def test_loose_modules_that_one_test_file_calls_are_code_under_test(tmp_path: Path) -> None:
    test = "import a\nimport b\n\n\ndef test_both():\n    assert a.price(2) == b.price(2) == 4\n"

    files = {"a.py": RIGHT, "b.py": WRONG, "test_all.py": test}

    run = await work(tmp_path, files, answer(b__py=RIGHT), "pytest")

    assert (run.status, run.strength) == ("solved", "inside")
