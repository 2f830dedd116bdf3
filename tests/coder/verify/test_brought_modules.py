"""Modules and caches that a change brings in the place of our own, or of Python's, decide nothing."""

from pathlib import Path

import pytest

from coder.agent import solve
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

pytestmark = pytest.mark.slow
WRONG, RIGHT = "def f(x):\n    return x\n", "def f(x):\n    return x + 1\n"
TEST = "from solution import f\n\n\ndef test_f(tmp_path):\n    assert f(1) == 2\n"  # can't run outside
FORGED = """import json
import os

import _hashlib

with open(".coder/config.json") as file:
    config = json.load(file)
if "key" in config:
    proof, lines = bytes.fromhex(config["key"]), []
    end = '+{"end": 0}' if config["at_once"] else '+{"changed": []}'
    for row in ('-{"test": "test_it.py::test_f", "passed": true}', end):
        proof = _hashlib.hmac_digest(proof, row.encode(), "sha256")
        lines.append(f"{proof.hex()} {row}\\n")
    with open(config["report"], "w") as file:
        file.writelines(lines)
    os._exit(0)
"""
CACHED = """import importlib.util
import marshal
import os
import sys

PATH, CACHES = ".coder/reporter.py", ".coder/__pycache__"
if os.path.exists(PATH):
    if os.path.isfile(CACHES):
        os.unlink(CACHES)
    os.makedirs(CACHES, exist_ok=True)
    about = os.stat(PATH)
    code = compile("def guard_exits(ours): 0\\ndef main_of_script(*args): return 0\\n", PATH, "exec")
    numbers = (0, int(about.st_mtime), about.st_size)
    header = b"".join(number.to_bytes(4, "little") for number in numbers)
    name = f"{CACHES}/reporter.{sys.implementation.cache_tag}.pyc"
    if os.path.exists(name):
        os.unlink(name)
    with open(name, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + header + marshal.dumps(code))
"""
SCRIPT = "#!/bin/sh\nset -e\npython3 -c 'import solution'\npython3 -m pytest -q\n"
CALLS = {
    "pytest": ("env", "PYTHONPATH=lib", "pytest", "-q"),
    "a script": ("env", "PYTHONPATH=lib", "./run.sh"),
}


async def answered(folder: Path, command: tuple[str, ...], answer: dict[str, str]) -> Run:
    (folder / "lib").mkdir()
    for path, text in {"lib/solution.py": WRONG, "test_it.py": TEST, "run.sh": SCRIPT}.items():
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    task = Task(prompt="Mend f.", workspace=folder, test_command=command)
    said = "".join(f"**{path}**\n```\n{text}```\n" for path, text in answer.items())
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    return await solve(task, model=Scripted([said]), settings=settings, log=MemoryLog())


@pytest.mark.parametrize("kind", CALLS)
async def test_a_module_in_a_folder_of_pythonpath_is_not_taken_for_the_standard_library_s(
    kind: str, tmp_path: Path
) -> None:
    brought = {"lib/solution.py": f"{WRONG}\nx = 1\n", "lib/select.py": FORGED}

    run = await answered(tmp_path, CALLS[kind], brought)

    assert (run.status, run.landed) == ("unsolved", ()), run.reason


async def test_a_module_in_a_folder_of_pythonpath_is_not_taken_for_one_of_pytest_s(tmp_path: Path) -> None:
    patch = "import _pytest.python\n\n_pytest.python.Function.runtest = lambda self: None\n"
    brought = {"lib/solution.py": f"{WRONG}\nx = 1\n", "lib/iniconfig.py": f"class IniConfig: 0\n{patch}"}

    run = await answered(tmp_path, CALLS["pytest"], brought)

    assert (run.status, run.landed) == ("unsolved", ())
    assert any("assert 1 == 2" in line.message for line in run.tests), run.tests


async def test_a_cache_that_code_writes_for_a_later_program_of_a_script_is_not_loaded(tmp_path: Path) -> None:
    run = await answered(tmp_path, CALLS["a script"], {"lib/solution.py": f"{CACHED}\n\n{WRONG}"})

    assert (run.status, run.landed) == ("unsolved", ()), run.reason


@pytest.mark.parametrize("kind", CALLS)
async def test_code_in_a_folder_of_pythonpath_is_found_as_ever(kind: str, tmp_path: Path) -> None:
    run = await answered(tmp_path, CALLS[kind], {"lib/solution.py": RIGHT})

    assert (run.status, run.landed) == ("solved", ("lib/solution.py",)), run.reason
