"""Code that writes what the tests compare it with, and tests that write files of their own."""

from collections.abc import Mapping
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

pytestmark = [KEPT, KEPT_BASELINES]

READS = "from app import f\n\nassert f(1) == int(open('expected.txt').read())\n"
WRITES = "from app import f\n\nopen('last.txt', 'w').write(str(f(1)))\nassert f(1) == 2\n"
LOGS = "def f(x):\n    open('app.log', 'a').write('f')\n    return x + 1\n"
DIFF = "python3 app.py > out.txt && diff out.txt expected.txt\n"
GIVEN = {
    "app.py": "def f(x):\n    return x\n", "expected.txt": "2\n", "out.txt": "9\n", "app.log": "",
    "last.txt": "1",
}  # fmt: skip
FORGES = "open('expected.txt', 'w').write('1\\n')\n"
PYTEST = READS.replace("\n\nassert", "\n\n\ndef test_f():\n    assert")


async def answered(folder: Path, command: str, given: Mapping[str, str], code: str) -> Run:
    for path, text in {**GIVEN, **given}.items():
        folder.joinpath(path).write_text(text)
    task = Task(prompt="Mend f.", workspace=folder, test_command=tuple(command.split()))
    settings = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))
    return await solve(
        task, model=Scripted([f"**app.py**\n```\n{code}```"] * 3), settings=settings, log=MemoryLog()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "given", "code"),
    [
        ("python3 check.py", {"check.py": READS}, f"def f(x):\n    {FORGES}    return x\n"),
        ("pytest -q", {"test_it.py": PYTEST}, f"{FORGES}def f(x): return x\n"),
        ("sh check.sh", {"check.sh": DIFF}, f"import os\nos.remove('expected.txt')\n{FORGES}print(1)\n"),
    ],
    ids=["a program", "pytest", "a comparison of files"],
)  # fmt: skip
async def test_code_that_writes_what_it_is_compared_with_solves_nothing(
    command: str, given: Mapping[str, str], code: str, tmp_path: Path
) -> None:
    run = await answered(tmp_path, command, given, code)

    assert run.status == "unsolved"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "given", "code"),
    [
        ("python3 check.py", {"check.py": WRITES}, "def f(x): return x + 1\n"),
        ("python3 check.py", {"check.py": READS}, LOGS),
        ("sh check.sh", {"check.sh": DIFF}, "def f(x): return x + 1\nprint(f(1))\n"),
    ],
    ids=["of the tests", "of the code", "of the command"],
)
async def test_given_files_that_tests_or_the_code_write_anyway_may_change(
    command: str, given: Mapping[str, str], code: str, tmp_path: Path
) -> None:
    run = await answered(tmp_path, command, given, code)

    assert (run.status, run.verified) == ("solved", "tests")
