"""The trace of what the tests open before the work, and whose the files are by it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from coder.models.scripted import Scripted
from coder.run.find_target import find_target
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.target import Target, decides
from coder.run.task import Task
from coder.verify.finding import Finding
from coder.verify.inside.file_trace import MAX_PATHS
from coder.verify.our_programs import programs
from coder.verify.test_command import run_tests
from sandbox import Command, Limits, Policy, Sandbox
from tests.coder.run.test_ownership import PROMPT, cases
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED
from tests.sandbox_pool import open_kept

pytestmark = [KEPT, RECORDED, pytest.mark.slow]
SHOP = "def price(n):\n    return n\n\n\ndef read(path):\n    return int(open(path).read())\n"
HEAD = "import os\nfrom pathlib import Path\nfrom shop import price, read\nHERE = os.path.dirname(__file__)\n"
OF_TESTS = {
    "joined from a variable": (
        "wanted.json",
        f"{HEAD}def test_p():\n    for name in ['want' + 'ed']:\n"
        "        assert price(2) == int(open(os.path.join(HERE, name + '.js' + 'on')).read())\n",
    ),
    "all of a folder": (
        "gold/2.txt",
        f"{HEAD}FOLDER = Path(HERE, ''.join(['go', 'ld']))\ndef test_p():\n"
        "    for path in FOLDER.iterdir(): assert price(int(path.stem)) == int(path.read_text())\n",
    ),
    "given to the code": (
        "wanted.json",
        f"{HEAD}def test_p(): assert price(2) == read(os.path.join(HERE, 'want' + 'ed.js' + 'on'))\n",
    ),
    "a module": (
        "eq.py",
        f"{HEAD}import importlib\ndef test_p(): importlib.import_module('e' + 'q').same(price(2), 4)\n",
    ),
}
TEXTS = {"wanted.json": "4\n", "gold/2.txt": "4\n"}
TEXTS["eq.py"] = "def same(a, b):\n    assert a == b\n"
OF_PRODUCT = {
    "joined from a variable": (
        "views/cart.html",
        "import os\nHERE = os.path.dirname(__file__)\n"
        "def page(name): return open(os.path.join(HERE, 'vie' + 'ws', name + '.ht' + 'ml')).read()\n",
        "def test_p(): assert shop.page('cart') == open('views/cart.html').read() == 'total'\n",
    ),
    "by default": (
        "rates.json",
        "DEFAULT = 'rates' + '.json'\ndef rate(path=DEFAULT): return int(open(path).read())\n",
        "def test_p(): assert shop.rate() == int(open('rates.json').read()) == 4\n",
    ),
    "by an object": (
        "rates.json",
        "class Rates:\n    def __init__(self): self.path = 'rat' + 'es.json'\n"
        "    def read(self): return open(self.path).read()\n",
        "def test_p(): assert shop.Rates().read() == open('rates.json').read() == '4'\n",
    ),
    "once, and kept": (
        "rates.json",
        "TEXT = open('ra' + 'tes.json').read()\ndef rate(): return TEXT\n",
        "def test_p(): assert shop.rate() == open('rates.json').read() == '4'\n",
    ),
    "a module": (
        "taxes.py",
        "import importlib\ndef tax(name): return importlib.import_module('ta' + 'xes').rate(name)\n",
        "def test_p():\n    assert shop.tax('de') == 19\n    import taxes\n    assert taxes.rate('') == 19\n",
    ),
    "beside the languages that the tests reach": (
        "lang/de.yml",
        "def say(code): return open('lang/' + code + '.yml').read()\n",
        "def test_p():\n    for code in 'en', 'de': assert open('lang/' + code + '.yml').read() == 'x'\n"
        "    assert shop.say('en') == 'x'\n",
    ),
}


@pytest_asyncio.fixture(loop_scope="session")
async def box(kept_sandboxes: None) -> AsyncIterator[Sandbox]:
    async with open_kept(Policy(python=only_pytest())) as lent:
        yield lent


async def traced(
    box: Sandbox, files: Mapping[str, str], command: str, *, traces: bool = True, ours: str = "test_it.py"
) -> Finding:
    await box.lay({path: text.encode() for path, text in files.items()})
    limits = Limits(wall_s=60, cpu_s=60)
    return await run_tests(box, command.split(), ours=[ours], limits=limits, traces=traces)


async def target_of(
    box: Sandbox, files: Mapping[str, str], *, command: str = "pytest -q", prompt: str = PROMPT
) -> tuple[Task, Target]:
    task = Task(prompt=prompt, test_command=tuple(command.split()))
    stored = {path: StoredFile(text=text) for path, text in files.items()}
    run = await traced(box, files, command)
    openers = {path: users for path, users in run.opened.items() if users}
    return task, find_target(task, stored, opened=openers)


@pytest.mark.parametrize("name", OF_TESTS)
async def test_a_file_that_only_tests_open_by_a_computed_path_is_the_tests(name: str, box: Sandbox) -> None:
    path, test = OF_TESTS[name]
    files = {"shop.py": SHOP, "test_it.py": test, path: TEXTS[path]}
    task, target = await target_of(box, files)
    untraced = find_target(task, {path: StoredFile(text=text) for path, text in files.items()})

    assert decides(path, task, target)
    assert not decides(path, task, untraced)
    assert not decides("shop.py", task, target)


async def test_a_script_that_only_tests_start_by_a_computed_path_is_unclear(box: Sandbox) -> None:
    test = f"{HEAD}import subprocess\nCHECK = os.path.join(HERE, 'ch', 'eck' + '.sh')\n"
    test += "def test_p(): subprocess.run(['sh', CHECK, str(price(2))], check=True)\n"
    files = {"shop.py": SHOP, "test_it.py": test, "ch/eck.sh": "[ $1 = 4 ] || exit 1\n"}
    _, target = await target_of(box, files)

    assert target.is_unclear("ch/eck.sh")


@pytest.mark.parametrize("name", OF_PRODUCT)
async def test_a_file_that_the_code_opens_by_a_computed_path_is_the_products(name: str, box: Sandbox) -> None:
    path, shop, test = OF_PRODUCT[name]
    files = {"shop.py": shop, "test_it.py": f"import shop\n{test}", path: "x"}
    files |= {"taxes.py": "def rate(name):\n    assert name\n    return 7\n"} if path == "taxes.py" else {}
    files |= {"lang/en.yml": "x"} if path == "lang/de.yml" else {}
    task, target = await target_of(box, files)

    assert not decides(path, task, target)


EACH = """import json, os, sys
sys.path.insert(0, os.path.abspath(".coder/ours.zip"))
import file_trace, pytest
for case in sorted(os.listdir("cases"), key=int):
    sys.stdout.flush()
    if os.fork() == 0:
        os.chdir(f"cases/{case}")
        sys.path[0] = os.getcwd()
        names = [os.path.join(at, one)[2:] for at, _, ones in os.walk(".") for one in ones]
        trace = file_trace.FileTrace(names, os.getcwd())
        pytest.main(["-q", "-p", "no:cacheprovider"])
        with open(f"../../{case}.json", "w") as file:
            json.dump(trace.opened, file)
        os._exit(0)
    os.wait()
"""
"""Program that traces the tests of each case, in its own process and folder."""


async def traced_apart(box: Sandbox, rows: Sequence[Any]) -> list[tuple[str, Task, Target]]:
    """Return the path, task and target of each case, traced in one run of the sandbox."""
    texts = {f"cases/{n}/{path}": text for n, row in enumerate(rows) for path, text in row.values[3].items()}
    await box.lay({path: text.encode() for path, text in texts.items()} | dict(programs()))
    result = await box.run(Command(argv=("python3", "-c", EACH)), limits=Limits(wall_s=60, cpu_s=60))
    assert result.ok, result.stderr
    targets = []
    for number, row in enumerate(rows):
        path, command, prompt, files = row.values
        openers = json.loads(await box.read(f"{number}.json"))
        assert openers, row.id
        task = Task(prompt=prompt, test_command=tuple(command.split()))
        stored = {name: StoredFile(text=text) for name, text in files.items()}
        opened = {name: tuple(users) for name, users in openers.items() if users}
        targets.append((path, task, find_target(task, stored, opened=opened)))
    return targets


@pytest.mark.parametrize(
    ("name", "is_of_tests"), [("files_of_products.txt", False), ("files_of_tests.txt", True)]
)
async def test_a_traced_file_is_the_tests_if_only_they_use_it(
    name: str, is_of_tests: bool, box: Sandbox
) -> None:
    rows = cases(name, only="pytest")

    for path, task, target in await traced_apart(box, rows):
        assert decides(path, task, target) == is_of_tests, path


@pytest.mark.parametrize("command", ["pytest -q", "python3 -m unittest -q", "python3 test_it.py"])
async def test_a_trace_names_the_file_whose_code_forms_a_path(command: str, box: Sandbox) -> None:
    test = "import unittest\nfrom shop import price, read\n\nclass T(unittest.TestCase):\n"
    test += "    def test_p(self): self.assertEqual(read('a' + '.txt'), 4)\n\nread('a.txt')\n"
    files = {"test_it.py": test, "shop.py": f"{SHOP}\nread('b' + '.txt')\n", "a.txt": "4", "b.txt": "5"}

    run = await traced(box, files, command)

    assert run.passed
    assert run.opened["a.txt"] == ("test_it.py",)
    assert run.opened["b.txt"] == ("shop.py",)
    assert run.opened["shop.py"] == ("test_it.py",)


async def test_a_trace_ends_after_its_most_paths(box: Sandbox) -> None:
    test = "import pathlib\n\ndef test_p():\n    for path in pathlib.Path('d').iterdir(): path.read_text()\n"
    files = {f"d/{n}": "" for n in range(MAX_PATHS + 200)}

    run = await traced(box, {**files, "test_it.py": test}, "pytest -q")

    assert run.passed
    assert len(run.opened) == MAX_PATHS


@pytest.mark.parametrize("name", ["joined from a variable", "all of a folder", "given to the code"])
async def test_wrong_code_with_another_expected_file_is_not_solved(name: str, tmp_path: Path) -> None:
    path, test = OF_TESTS[name]
    for written, text in {"shop.py": SHOP, "test_it.py": test, path: TEXTS[path]}.items():
        (tmp_path / written).parent.mkdir(exist_ok=True)
        (tmp_path / written).write_text(text)
    answer = f"**{path}**\n```\n2\n```\n**shop.py**\n```python\n{SHOP}# mended\n```\n"
    task = Task(prompt=PROMPT, workspace=tmp_path, test_command=("pytest", "-q"))
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))

    run = await solve(task, model=Scripted([answer]), settings=settings, log=MemoryLog())

    assert run.status in ("unsolved", "unverified")
    assert run.left_out == {path: "needs_allow"}
    assert run.landed == ()
