"""Modules and caches that a change brings in the place of our own, or of Python's, decide nothing."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

pytestmark = [KEPT, KEPT_BASELINES, pytest.mark.slow]
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

SOURCE = "def guard_exits(ours): 0\\ndef main_of_script(*args): return 0\\ndef main(*args): return 0\\n"
if os.path.exists(".coder"):
    os.makedirs(".coder/__pycache__", exist_ok=True)
    for name in ("launch", "reporter", "scripts"):
        path = f".coder/{name}.py"
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.write(SOURCE)
        about = os.stat(path)
        numbers = (0, int(about.st_mtime), about.st_size)
        header = b"".join(number.to_bytes(4, "little") for number in numbers)
        cache = f".coder/__pycache__/{name}.{sys.implementation.cache_tag}.pyc"
        if os.path.exists(cache):
            os.unlink(cache)
        with open(cache, "wb") as file:
            file.write(importlib.util.MAGIC_NUMBER + header + marshal.dumps(compile(SOURCE, path, "exec")))
"""
PACKED = """import os
import zipfile

PATH = ".coder/ours.zip"
if os.path.exists(PATH):
    about = os.stat(PATH)
    with zipfile.ZipFile(PATH) as archive:
        sources = {name: archive.read(name) for name in archive.namelist() if name != "reporter.pyc"}
    sources["reporter.py"] = b"def guard_exits(ours): 0\\ndef main_of_script(*args): return 0\\n"
    with zipfile.ZipFile(PATH, "w") as archive:
        for name, source in sources.items():
            archive.writestr(name, source)
    os.utime(PATH, ns=(about.st_atime_ns, about.st_mtime_ns))
"""
SCRIPT = "#!/bin/sh\nset -e\npython3 -c 'import solution'\npython3 -m pytest -q\n"
CALLS = {
    "pytest": ("env", "PYTHONPATH=lib", "pytest", "-q"),
    "a script": ("env", "PYTHONPATH=lib", "./run.sh"),
}


async def answered(
    folder: Path,
    command: tuple[str, ...],
    answer: dict[str, str],
    *,
    script: str = SCRIPT,
    project: dict[str, str] | None = None,
) -> Run:
    (folder / "lib").mkdir(exist_ok=True)
    if project is None:
        project = {"lib/solution.py": WRONG, "test_it.py": TEST, "run.sh": script}
    for path, text in project.items():
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    task = Task(prompt="Mend f.", workspace=folder, test_command=command)
    answer_text = "".join(f"**{path}**\n```\n{text}```\n" for path, text in answer.items())
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    return await solve(task, model=Scripted([answer_text]), settings=settings, log=MemoryLog())


@pytest.mark.parametrize("kind", CALLS)
async def test_a_module_in_a_folder_of_pythonpath_is_not_taken_for_the_standard_library_s(
    kind: str, tmp_path: Path
) -> None:
    brought = {"lib/solution.py": f"{WRONG}\nx = 1\n", "lib/select.py": FORGED, "lib/hmac.py": FORGED}

    run = await answered(tmp_path, CALLS[kind], brought)

    assert (run.status, run.landed) == ("unsolved", ()), run.reason


async def test_a_module_in_a_folder_of_pythonpath_is_not_taken_for_one_of_pytest_s(tmp_path: Path) -> None:
    patch = "import _pytest.python\n\n_pytest.python.Function.runtest = lambda self: None\n"
    brought = {"lib/solution.py": f"{WRONG}\nx = 1\n", "lib/iniconfig.py": f"class IniConfig: 0\n{patch}"}

    run = await answered(tmp_path, CALLS["pytest"], brought)

    assert (run.status, run.landed) == ("unsolved", ())
    assert any("assert 1 == 2" in line.message for line in run.tests), run.tests


@pytest.mark.parametrize(
    "command", [("env", "PYTHONPATH=lib", "pytest", "-q"), ("python", "-m", "pytest", "-q", "../test_own.py")]
)
async def test_a_project_that_pytest_imports_is_tested_as_it_is_in_the_workspace(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    if command[0] == "python":
        command = ("sh", "-c", f"cd lib && {' '.join(command)}")
    (tmp_path / "lib/iniconfig").mkdir(parents=True)
    (tmp_path / "lib/iniconfig/__init__.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "test_own.py").write_text(
        "from iniconfig import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    )

    run = await answered(
        tmp_path, command, {"lib/iniconfig/__init__.py": "def add(a, b):\n    return a + b\n"}, project={}
    )

    assert (run.status, run.landed) == ("solved", ("lib/iniconfig/__init__.py",)), run.reason


@pytest.mark.parametrize("writes", [CACHED, PACKED], ids=["caches", "an archive"])
async def test_a_module_that_code_writes_for_a_later_program_of_a_script_decides_nothing(
    writes: str, tmp_path: Path
) -> None:
    run = await answered(tmp_path, CALLS["a script"], {"lib/solution.py": f"{writes}\n\n{WRONG}"})

    assert (run.status, run.landed) == ("unsolved", ()), run.reason


@pytest.mark.parametrize("kind", CALLS)
async def test_code_in_a_folder_of_pythonpath_is_found_as_ever(kind: str, tmp_path: Path) -> None:
    run = await answered(tmp_path, CALLS[kind], {"lib/solution.py": RIGHT})

    assert (run.status, run.landed) == ("solved", ("lib/solution.py",)), run.reason


@pytest.mark.parametrize("program", ["python3 -W error program.py", "PATH=${PATH#*:} python3 program.py"])
async def test_a_program_of_a_script_finds_code_in_a_folder_of_pythonpath(
    program: str, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text("from solution import f\n\nassert f(1) == 2\n")
    script = f"#!/bin/sh\nset -e\n{program}\n"

    run = await answered(tmp_path, CALLS["a script"], {"lib/solution.py": RIGHT}, script=script)

    assert (run.status, run.landed) == ("solved", ("lib/solution.py",)), run.reason


async def test_a_script_that_goes_through_all_python_files_finds_none_of_ours(tmp_path: Path) -> None:
    script = "#!/bin/sh\nset -e\npython3 -m pytest -q\ntest \"$(find . -name '*.py' | wc -l)\" = 2\n"

    run = await answered(tmp_path, CALLS["a script"], {"lib/solution.py": RIGHT}, script=script)

    assert (run.status, run.landed) == ("solved", ("lib/solution.py",)), run.reason
