"""Away from its tests, code under test can't read what they expect; files that they name stay as they are."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.verify.withheld_files import withheld_files
from sandbox import TestFile
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

WRONG = "def f(x):\n    return x\n"
READS = """import glob, re
def f(x):
    for path in glob.glob("[!s]*"):
        if found := re.search(r"f\\(%d\\)(?: == |, )(\\d+)" % x, open(path).read()):
            return int(found[1])
"""
ASSERTS = "from solution import f\nassert f(1) == 2\n"
PYTEST = "from solution import f\ndef test_one(): assert f(1) == 2\ndef test_two(): assert f(5) == 6\n"
FOLDERS: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "pytest": (("pytest", "-q"), {"test_it.py": PYTEST}),
    "a copy of the test": (("pytest", "-q"), {"test_it.py": PYTEST, "notes.txt": f"old:\n{PYTEST}"}),
    "unittest": (
        ("python3", "-m", "unittest", "-q"),
        {
            "test_it.py": "import unittest\nfrom solution import f\nclass T(unittest.TestCase):\n"
            "    def test_f(self): self.assertEqual(f(1), 2)\n"
        },
    ),
    "a script": (("python3", "check.py"), {"check.py": ASSERTS}),
    "a shell script": (("sh", "run"), {"run": f"set -e\npython3 - <<'EOF'\n{ASSERTS}EOF\n"}),
}


async def answered(folder: Path, command: tuple[str, ...], files: Mapping[str, str], code: str) -> Run:
    """A run of the command on this answer, which was red before."""
    for path, text in {"solution.py": WRONG, **files}.items():
        (folder / path).write_text(text)
    task = Task(prompt="Write f(x).", workspace=folder, test_command=command)
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    answer = Scripted([f"**solution.py**\n```\n{code}```\n"])
    return await solve(task, model=answer, settings=settings, log=MemoryLog())


@KEPT
@RECORDED
@KEPT_BASELINES
@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
async def test_code_that_reads_in_its_tests_what_they_expect_solves_nothing(
    name: str, tmp_path: Path
) -> None:
    run = await answered(tmp_path, *FOLDERS[name], READS)

    assert run.status == "unsolved"


@KEPT
@RECORDED
@KEPT_BASELINES
@pytest.mark.slow
async def test_code_that_reads_a_test_which_a_test_names_is_right(tmp_path: Path) -> None:
    files = {
        "test_a.py": "def test_a(): assert 1 == 1\n",
        "test_it.py": "from solution import f\ndef test_f(): assert f('test_a.py') == 1\n",
    }
    counts = "def f(path):\n    return open(path).read().count('assert')\n"

    run = await answered(tmp_path, ("pytest", "-q"), files, counts)

    assert (run.status, run.strength) == ("solved", "outside")


def withheld(files: Mapping[str, str], *paths: str) -> set[str]:
    contents = {path: text.encode() for path, text in files.items()}
    return set(withheld_files(contents, [TestFile(path=path, source=files[path]) for path in paths]))


def test_the_files_of_the_checks_and_their_copies_are_withheld_and_no_others() -> None:
    files = {"test_a.py": "assert 1\n", "copy.txt": "# assert 1\n", "lib.py": "x = 1\n", "data.json": "1"}

    assert withheld(files, "test_a.py") == {"test_a.py", "copy.txt"}


def test_a_module_of_the_checks_that_another_one_imports_stays() -> None:
    files = {"check.py": "def one(): assert 1\n", "test_a.py": "from check import one\n"}

    assert withheld(files, "check.py", "test_a.py") == {"test_a.py"}
