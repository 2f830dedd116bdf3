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
READ = """import json
from pathlib import Path

import shop


def test_all():
    for n, want in json.loads(Path(shop.__file__).with_name("cases.json").read_text()):
        assert shop.price(n) == want
"""
PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
PACKAGE = {
    "pyproject.toml": PROJECT,
    "shop/__init__.py": WRONG,
    "shop/cases.json": "[[2, 4]]\n",
    "test_shop.py": READ,
}
NODE_SOURCES = {
    "package.json": '{"name": "shop", "scripts": {"test": "node check.js"}}',
    "src/index.js": NODE["index.js"],
    "src/cases.json": "[[2, 4]]\n",
    "check.js": "const { price } = require('./src/index');\n"
    "for (const [n, want] of require('./src/cases.json')) if (price(n) !== want) process.exit(1);\n",
}
GO_TEST = """package shop

import (
	"encoding/json"
	"os"
	"testing"
)

func TestAll(t *testing.T) {
	var cases [][2]int
	text, err := os.ReadFile("data/cases.json")
	if err != nil || json.Unmarshal(text, &cases) != nil {
		t.Fatal("no cases")
	}
	for _, one := range cases {
		if Price(one[0]) != one[1] {
			t.Error(one)
		}
	}
}
"""
GO = {
    "go.mod": "module shop\n\ngo 1.20\n",
    "shop.go": "package shop\n\nfunc Price(n int) int { return n }\n",
    "data/cases.json": "[[2, 4]]\n",
    "shop_test.go": GO_TEST,
}
BY_MAKE = "test:\n\tpython3 -c \"import json, shop; assert shop.price(2) == json.load(open('want.json'))\"\n"


async def work(
    folder: Path, files: dict[str, str], text: str, command: str, prompt: str = "Mend it.", answers: int = 1
) -> Run:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    task = Task(prompt=prompt, workspace=folder, test_command=tuple(command.split()))
    return await solve(task, model=Scripted([text] * answers), settings=SETTINGS, log=MemoryLog())


def blocks(files: dict[str, str]) -> str:
    return "".join(
        f"**{path}**\n```{path.rpartition('.')[2].replace('py', 'python')}\n{text}```\n\n"
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
        (PACKAGE, "pytest -q", {"shop/cases.json": "[]\n"}),
        (
            {f"src/{path}" if path.startswith("shop") else path: text for path, text in PACKAGE.items()}
            | {"pytest.ini": "[pytest]\npythonpath = src\n"},
            "pytest -q",
            {"src/shop/cases.json": "[[2, 2]]\n"},
        ),
        (
            {"shop.py": WRONG, "want.json": "4\n", "Makefile": BY_MAKE},
            "make test",
            {"want.json": "2\n"},
        ),
        (NODE_SOURCES, "npm test", {"src/cases.json": "[]\n"}),
    ],
    ids=[
        "cases",
        "cases of a project",
        "by make",
        "by a script",
        "by npm",
        "data of a package",
        "data below src",
        "data by make",
        "data by npm",
    ],
)
async def test_a_change_of_what_only_the_tests_use_is_unverified(
    tmp_path: Path, files: dict[str, str], command: str, change: dict[str, str]
) -> None:
    require_toolchain(command.partition(" ")[0])

    run = await work(tmp_path, files, blocks(change), command, answers=2)

    assert (run.status, run.strength, run.landed) == ("unverified", "none", ())
    assert run.reason == f"it changes only what the tests and the test command use: {next(iter(change))}"
    assert run.test_support == tuple(change)


async def test_data_that_a_test_of_go_reads_belongs_to_the_test(tmp_path: Path) -> None:
    require_toolchain("go")

    run = await work(tmp_path, GO, blocks({"data/cases.json": "[]\n"}), "go test ./...", answers=2)

    assert run.status == "unsolved"


RATES = """import json
from importlib import resources


def price(n):
    return n * json.loads(resources.files("shop").joinpath("rates.json").read_text())["rate"]
"""


@pytest.mark.parametrize(
    ("code", "test"),
    [
        (RATES, "from shop import price\n\n\ndef test_price():\n    assert price(2) == 4\n"),
        (
            "",
            'import json\n\n\ndef test_rate():\n    assert json.load(open("shop/rates.json"))["rate"] == 2\n',
        ),
    ],
    ids=["the code reads it", "the test is of the data"],
)
async def test_a_change_of_data_that_is_shipped_solves_the_task(tmp_path: Path, code: str, test: str) -> None:
    files = {"pyproject.toml": PROJECT, "shop/__init__.py": code, "shop/rates.json": '{"rate": 1}\n'}

    change = blocks({"shop/rates.json": '{"rate": 2}\n'})
    run = await work(tmp_path, {**files, "test_shop.py": test}, change, "pytest -q")

    assert run.status == "solved"


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
