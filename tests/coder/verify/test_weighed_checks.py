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
COLOR = "from enum import Enum\nclass Color(Enum):\n"
PARSE = "def parse(text): return Color[text.upper()]"
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
    "members that are one object": (
        f"{COLOR}    RED = 1\n    GREEN = 1\n{PARSE}\n",
        "assert parse('green') is Color.GREEN and parse('red') is Color.RED",
        "asks for two names",
    ),
    "members that equal each other": (
        f"{COLOR}    RED = 1\n    GREEN = 2\n    def __eq__(self, other): return isinstance(other, Color)\n"
        f"    __hash__ = object.__hash__\n{PARSE} and Color.RED\n",
        "assert parse('green') == Color.GREEN and parse('red') == Color.RED",
        "asks for two names",
    ),
    "one member for all": (
        f"{COLOR}    RED = 1\n    GREEN = 2\ndef parse(text): return Color.GREEN\n",
        "assert parse('green') is Color.GREEN",
        "gives the same value",
    ),
    "two names of one class": (
        "class Sum: pass\nProduct = Sum\ndef parse(text): return Sum()\n",
        "assert isinstance(parse('1+2'), Sum) and isinstance(parse('1*2'), Product)",
        "asks for two names",
    ),
    "objects for the test's inputs alone": (
        f"{VEC}    def __eq__(self, other): return True\nKNOWN = {{'1 2': Vec()}}\n"
        "def parse(text): return KNOWN[text]\n",
        "assert parse('1 2') == Vec(1, 2)",
        "Objects of your own class decide",
    ),
    "objects in a list for the test's inputs alone": (
        f"{VEC}    def __eq__(self, other): return True\nKNOWN = {{'1 2': [Vec(), Vec()]}}\n"
        "def parse(text): return KNOWN[text]\n",
        "assert parse('1 2') == [Vec(1), Vec(2)]",
        "Objects of your own class decide",
    ),
    "an object that holds everything": (
        f"{VEC}    def __contains__(self, item): return True\n",
        "assert 3 in Vec(1, 2, 3) and 5 in Vec(5)",
        "Objects of your own class decide",
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
    "members of an enumeration": (
        f"{COLOR}    RED = 1\n    GREEN = 2\n{PARSE}\n",
        "assert parse('green') is Color.GREEN and parse('red') == Color.RED",
    ),
    "a member by a condition": (
        f"{COLOR}    RED = 1\n    GREEN = 2\ndef lit(n): return Color.RED if n < 0 else Color.GREEN\n",
        "assert lit(3) is Color.GREEN and lit(-3) is Color.RED",
    ),
    "an equality that ignores case": (
        "class Name:\n    def __init__(self, text): self.text = text.lower()\n"
        "    def __eq__(self, other): return self.text == other.text\n",
        "assert Name('Ann') == Name('ann')",
    ),
    "an object that is read as it was written": (
        f"{VEC}    def __eq__(self, other): return self.parts == other.parts\n"
        "    def dump(self): return list(self.parts)\ndef load(parts): return Vec(*parts)\n",
        "one = Vec(1, 2)\nassert load(one.dump()) == one and one.dump() == [1, 2]",
    ),
    "calls that give the object itself": (
        f"{VEC}    def add(self, part): self.parts += (part,); return self\n",
        "one = Vec(1)\nassert one.add(2) is one and one.parts == (1, 2)",
    ),
    "an object that holds some": (
        f"{VEC}    def __contains__(self, item): return item in self.parts\n",
        "assert 3 in Vec(1, 2, 3) and 5 in Vec(5)",
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
