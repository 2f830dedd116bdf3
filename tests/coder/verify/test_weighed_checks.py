"""Checks whose pass shows less than it seems to: they are decided, and the strength says so."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = [KEPT]

SETTINGS = Settings(plan=False, budget=Budget(samples=1, repairs=0))

VEC = "class Vec:\n    def __init__(self, *parts): self.parts = parts\n"
LESS = {
    "an equality that always holds": (
        f"{VEC}    def __add__(self, other): return self\n    def __eq__(self, other): return True\n",
        "assert Vec(1, 2) + Vec(3, 4) == Vec(4, 6)",
        "Objects of your own class decide",
    ),
    "an order that always holds": (
        f"{VEC}    def __lt__(self, other): return True\n",
        "assert Vec(1, 2) < Vec(2, 1)",
        "Objects of your own class decide",
    ),
    "no number": (
        "def mean(values): return float('nan')\n",
        "assert not abs(mean([1, 2, 3]) - 2) > 0.01",
        "NaN",
    ),
    "its argument": ("def clean(text): return text\n", "assert clean('abc') == 'abc'", "its first argument"),
    "the expected value": ("def add(a, b): return 5\n", "assert add(2, 3) == 5", "gives the same value"),
    "nothing": (
        "def words(text): return set()\n",
        "assert words('a b') <= {'a', 'b'}",
        "gives the same value",
    ),
    "an error": (
        "def root(n): raise ValueError\n",
        "try: root(-4)\nexcept ValueError: pass\nelse: assert False",
        "gives the same value",
    ),
    "any number": (
        "def age(name): return 0\n",
        "assert isinstance(age('x'), int)",
        "other answers, too",
    ),
}
AS_MUCH = {
    "a sum": ("def add(a, b): return a + b\n", "assert add(2, 3) == 5"),
    "a text as it was": ("def turned(text): return text[::-1]\n", "assert turned('aba') == 'aba'"),
    "one of its arguments": ("def clamp(n, a, b): return max(a, min(n, b))\n", "assert clamp(5, 0, 10) == 5"),
    "the only value that it has": ("def greet(): return 'hello'\n", "assert greet() == 'hello'"),
    "an order that it had": (
        "def ordered(items): return sorted(items)\n",
        "assert ordered([1, 2, 3]) == [1, 2, 3]",
    ),
    "an error for some": (
        "def root(n):\n    if n < 0: raise ValueError\n    return n ** 0.5\n",
        "try: root(-4)\nexcept ValueError: pass\nelse: assert False",
    ),
    "an equality that compares": (
        f"{VEC}    def __add__(self, other): return Vec(*map(sum, zip(self.parts, other.parts)))\n"
        "    def __eq__(self, other): return self.parts == other.parts\n",
        "assert Vec(1, 2) + Vec(3, 4) == Vec(4, 6)",
    ),
    "a text": ("def said(names): return f'{len(names)} errors found'\n", "assert '2 errors' in said('ab')"),
    "no number that is wanted": ("def bad(): return float('nan')\n", "import math\nassert math.isnan(bad())"),
    "a predicate": ("def even(n): return n % 2 == 0\n", "assert even(4)\nassert not even(3)"),
}


async def checked(code: str, check: str) -> tuple[Run, str]:
    """Return the run and its log as text."""
    log = MemoryLog()
    task = Task(prompt="Write it.", checks=(check,))
    run = await solve(task, model=Scripted([f"```python\n{code}```"]), settings=SETTINGS, log=log)
    return run, str(await log.read(run.run_id))


@pytest.mark.parametrize("name", LESS)
async def test_a_check_that_tells_less_than_it_seems_to_is_decided_inside(name: str) -> None:
    code, check, why = LESS[name]

    run, log = await checked(code, check)

    assert (run.status, run.strength) == ("solved", "inside"), run.reason
    assert why in log


@pytest.mark.parametrize("name", AS_MUCH)
async def test_a_check_that_tells_right_from_wrong_is_decided_outside(name: str) -> None:
    run, _ = await checked(*AS_MUCH[name])

    assert (run.status, run.strength) == ("solved", "outside"), run.reason


async def test_an_iteration_that_an_answer_ends_early_is_an_error() -> None:
    code = "def holds(item): raise StopIteration\n"

    run, _ = await checked(code, "assert all(map(holds, ['a', 'b']))")

    assert run.status == "unsolved"


UNITTEST = """import unittest
from solution import clean


class T(unittest.TestCase):
    def test_clean(self):
        self.assertEqual(clean("aba"), "aba")
"""


@pytest.mark.parametrize(("body", "strength"), [("text", "inside"), ("text[::-1]", "outside")])
async def test_so_is_a_test_of_unittest_that_is_confirmed_apart(
    body: str, strength: str, tmp_path: Path
) -> None:
    tmp_path.joinpath("solution.py").write_text("def clean(text): raise NotImplementedError\n")
    tmp_path.joinpath("test_it.py").write_text(UNITTEST)
    command = ("python3", "-m", "unittest")
    task = Task(prompt="Write it.", workspace=tmp_path, test_command=command)
    answer = f"**solution.py**\n```python\ndef clean(text): return {body}\n```"

    run = await solve(task, model=Scripted([answer]), settings=SETTINGS, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", strength), run.reason
