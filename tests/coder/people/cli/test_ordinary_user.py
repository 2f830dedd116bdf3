"""`coder solve` by a user who isn't root."""

import pytest

from tests.coder.people.cli.console import LONGEST_S
from tests.ordinary_user import run_as_ordinary_user

SOLVE = """
import sys
from pathlib import Path
import coder
from coder.people.cli.main import main

task = (
    "Write a Python function last(items) that returns the last element of a list, "
    "or None if the list is empty"
)
checks = ["--check", "assert last([1, 2]) == 2", "--check", "assert last([]) is None"]
recording = Path(coder.__file__).parents[1] / "tests" / "recordings" / "last.jsonl"
limits = ["--samples", "5", "--max-calls", "20", "--strategy", "repair"]
sys.exit(main(["solve", task, *checks, *limits, "--replay", str(recording)]))
"""


@pytest.mark.slow
def test_an_ordinary_user_solves_a_task() -> None:
    done = run_as_ordinary_user(SOLVE, timeout_s=LONGEST_S)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith("✓ solved")
    assert done.stdout.startswith("def last(items):")


FIX = """
import os
import subprocess
import sys
from pathlib import Path
from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import make_repository
from coder.people.cli.main import main

for name in ("AUTHOR", "COMMITTER"):
    os.environ |= {f"GIT_{name}_NAME": "Ada", f"GIT_{name}_EMAIL": "ada@example.org"}
check = "from calc import add; assert add(2, 3) == 5"
repository = make_repository(
    Path.home() / "project", calc__py="def add(a, b):\\n    return a - b\\n", check__py=check
)
answer = "calc.py\\n<<<<<<< SEARCH\\n    return a - b\\n=======\\n    return a + b\\n>>>>>>> REPLACE\\n"
with faulty_endpoint(says(answer)) as endpoint:
    flags = ["--base-url", endpoint.url, "-m", "toy", "--commit", "--path", str(repository.top)]
    code = main(["fix", *flags, "--", "python", "check.py"])
print(repository.git("log", "-1", "--format=%an %s"), repository.git("status", "--porcelain"))
sys.exit(code)
"""


@pytest.mark.slow
def test_an_ordinary_user_fixes_a_repository_and_has_it_committed() -> None:
    done = run_as_ordinary_user(FIX, timeout_s=LONGEST_S)

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Ada Change calc.py \n")
