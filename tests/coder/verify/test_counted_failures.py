"""Checks and programs that count failures, and end with their number as exit status."""

from pathlib import Path

import pytest

from tests.coder.verify.test_verify_cheats import FOLDERS, answered
from tests.coder.verify.test_weighed_checks import checked
from tests.kept_sandboxes import KEPT

pytestmark = [KEPT]

COUNTS = """import sys
bad = 0
for a, want in ((1, 2), (2, 3)):
    if f(a) != want:
        bad += 1
sys.exit(bad)
"""
SWALLOWS = COUNTS.replace(
    "    if f(a) != want:\n        bad += 1\n",
    "    try:\n        if f(a) != want:\n            bad += 1\n    except Exception:\n        pass\n",
)
ITEMS = """import sys
bad = []
for item in f(3):
    if item != 7:
        bad.append(item)
sys.exit(len(bad))
"""
SUMS = "bad = sum(got != want for got, want in zip(f(3), (7, 7, 7)))\nraise SystemExit(bad)\n"
RIGHT, SEVENS = "def f(x): return x + 1\n", "def f(n): return [7] * n\n"
ANY = "class Any:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
CHECKS = {
    "counts, right": (COUNTS, RIGHT, "outside"),
    "counts, wrong": (COUNTS, "def f(x): return x\n", "none"),
    "counts, ended early": (COUNTS, "import sys\ndef f(x): sys.exit(0)\n", "none"),
    "counts, an object": (COUNTS, f"{ANY}def f(x): return Any()\n", "none"),
    "a handler that swallows errors, right": (SWALLOWS, RIGHT, "outside"),
    "a handler that swallows errors, an error": (SWALLOWS, "def f(x): raise ValueError\n", "inside"),
    "a loop, right": (ITEMS, SEVENS, "outside"),
    "a loop with nothing to do": (ITEMS, "def f(n): return [] if n == 3 else [n]\n", "inside"),
    "a sum, right": (SUMS, SEVENS, "outside"),
    "a sum of nothing": (SUMS, "def f(n): return [] if n == 3 else [n]\n", "inside"),
}


@pytest.mark.parametrize("name", CHECKS)
async def test_a_check_may_end_with_the_number_of_its_failures(name: str) -> None:
    check, code, strength = CHECKS[name]

    run, _ = await checked(code, check)

    assert (run.status, run.strength) == ("unsolved" if strength == "none" else "solved", strength)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
async def test_so_may_a_program(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check, code, strength = CHECKS[name]
    files = {"check.py": f"from solution import f\n{check}"}
    monkeypatch.setitem(FOLDERS, "counting", (("python3", "check.py"), files))

    run = await answered(tmp_path, "counting", {"solution.py": code})

    assert (run.status, run.strength) == ("unsolved" if strength == "none" else "solved", strength)


@pytest.mark.slow
async def test_a_program_of_a_script_isnt_passed_by_an_object_that_equals_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"run.sh": "python3 check.py\n", "check.py": f"from solution import f\n{COUNTS}"}
    monkeypatch.setitem(FOLDERS, "counting", (("sh", "run.sh"), files))

    run = await answered(tmp_path, "counting", {"solution.py": f"{ANY}def f(x): return Any()\n"})

    assert run.status == "unsolved"


async def test_a_check_that_asks_nothing_of_the_code_is_decided_inside() -> None:
    run, log = await checked(RIGHT, "if __name__ == '__main__':\n    assert f(1) == 2\n")

    assert (run.status, run.strength) == ("solved", "inside")
    assert "ask nothing of your code" in log
