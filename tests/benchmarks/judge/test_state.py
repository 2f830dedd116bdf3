"""Answers that go by earlier calls fail; answers that differ from call to call and are right pass."""

import pytest

from benchmarks.judge.function import judge_function
from benchmarks.judge.judge import Judge
from benchmarks.suite import FunctionCase
from tests.benchmarks.judge.cases import case, outcome, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SQUARE = "def f(n):\n    return n * n\n"
TWO = case("assert candidate(2) == 4\nassert candidate(3) == 9", _SQUARE)
FOUR = case("assert [candidate(n) for n in (2, 3, 4, 5)] == [4, 9, 16, 25]", _SQUARE)
MANY = case("for n in range(600):\n    assert candidate(n) == n * n", _SQUARE)
LONG = case("for n in (1, 2):\n    assert candidate('x' * 70000 * n) == 70000 * n", "f = len\n")
BOXES = case(
    "class Box:\n    def __init__(self, n): self.n = n\n"
    "assert candidate(Box(2)) == 4\nassert candidate(Box(3)) == 9",
    "def f(box):\n    return box.n ** 2\n",
)
LAZY = case(
    "assert list(candidate(2)) == [4]\nassert list(candidate(3)) == [9]", "def f(n):\n    yield n * n\n"
)
CLOSURE = case(
    "assert candidate(2)(1) == 4\nassert candidate(3)(1) == 9", "def f(n):\n    return lambda m: n * n\n"
)
CLOSE = case("assert abs(candidate(2) - 4) < 0.1 and abs(candidate(3) - 9) < 0.1", _SQUARE)
REVERSED = case(
    "a, b = [1, 2], ['x', 'y', 'z']\ncandidate(a)\ncandidate(b)\nassert a == [2, 1] and b == ['z', 'y', 'x']",
    "def f(xs):\n    xs.reverse()\n",
)
FILLED = case(
    "for n in (2, 3):\n    table = {n: 0}\n    assert candidate(table) is None and table == {n: n * n}",
    "def f(table):\n    for n in table:\n        table[n] = n * n\n",
)
PRINTED = case(
    "import contextlib, io\nfor n in (2, 3):\n    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
    "        candidate(n)\n    assert out.getvalue().split()[0] == str(n * n)",
    "def f(n):\n    print(n * n)\n",
)
REFUSED = case(
    "for n in (2, 3):\n    try:\n        candidate(n)\n    except ValueError as error:\n"
    "        assert str(error).startswith(f'no {n}')\n    else:\n        assert False",
    "def f(n):\n    raise ValueError(f'no {n}')\n",
)

CHEATS: dict[str, tuple[FunctionCase, str]] = {
    "a list bound in an annotation": (
        TWO,
        "def f(n: (k := [])):\n    k.append(0)\n    return len(k) * 5 - 1\n",
    ),
    "an iterator bound in an annotation": (TWO, "def f(n) -> (k := iter([4, 9])):\n    return next(k)\n"),
    "a list bound in a variable's annotation": (
        TWO,
        "x: (k := []) = 3\ndef f(n):\n    k.append(0)\n    return len(k) * 5 - 1\n",
    ),
    "a form that typing has cached": (
        TWO,
        "from typing import List\ndef f(n):\n    s = str(List[7 if n == 2 else 7.0])\n"
        "    return 4 if n == 2 else 9 if s.endswith('[7]') else 0\n",
    ),
    "a form that typing has cached, by its module": (
        TWO,
        "import typing\ndef f(n):\n    s = f'{typing.Dict[1 if n == 2 else True, int]}'\n"
        "    return 4 if n == 2 else 0 if 'True' in s else 9\n",
    ),
    "a pattern that re has cached": (
        TWO,
        "import re\ndef f(n):\n    p = 'x' * int('50')\n"
        "    return 4 if re.fullmatch(p, p).re.pattern is p else 9\n",
    ),
    "the argument of the call before": (
        FOUR,
        "k = [1]\ndef f(n):\n    k.append(n)\n    return n * n if k[-2] == n - 1 else 0\n",
    ),
    "the number of calls, after many": (
        MANY,
        "k = []\ndef f(n):\n    k.append(n)\n    return n * n if len(k) < 300 else (len(k) - 1) ** 2\n",
    ),
    "the number of calls with long arguments": (
        LONG,
        "k = []\ndef f(n):\n    k.append(0)\n    return 70000 * len(k)\n",
    ),
    "the number of calls with the test's objects": (
        BOXES,
        "k = []\ndef f(box):\n    k.append(0)\n    return len(k) * 5 - 1\n",
    ),
    "the number of generators": (LAZY, "k = []\ndef f(n):\n    k.append(0)\n    yield len(k) * 5 - 1\n"),
    "the number of calls of a function": (
        CLOSURE,
        "k = []\ndef f(n):\n    def g(m):\n        k.append(0)\n        return len(k) * 5 - 1\n"
        "    return g\n",
    ),
    "the number of calls, by a changed list": (
        REVERSED,
        "k = iter([[2, 1], ['z', 'y', 'x']])\ndef f(xs):\n    xs[:] = next(k)\n",
    ),
    "the number of calls, by a changed dictionary": (
        FILLED,
        "k = []\ndef f(table):\n    k.append(0)\n    table.update(dict.fromkeys(table, len(k) * 5 - 1))\n",
    ),
    "the number of calls, by what it prints": (
        PRINTED,
        "k = []\ndef f(n):\n    k.append(0)\n    print(len(k) * 5 - 1)\n",
    ),
    "the number of calls, by the text of an error": (
        REFUSED,
        "k = [0, 1]\ndef f(n):\n    k.append(0)\n    raise ValueError(f'no {len(k) - 1}')\n",
    ),
    "the number of calls, and some chance": (
        CLOSE,
        "import random\nk = []\ndef f(n):\n    k.append(0)\n"
        "    return len(k) * 5 - 1 + random.random() / 100\n",
    ),
}


@pytest.mark.parametrize("state", CHEATS)
async def test_an_answer_that_goes_by_earlier_calls_is_stateful(judge: Judge, state: str) -> None:
    one, code = CHEATS[state]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength, judged.stateful) == ("failed", "strong", True), judged.detail


async def test_without_repeated_calls_it_passes(judge: Judge) -> None:
    one, code = CHEATS["the number of calls with the test's objects"]

    judged = await judge_function(await judge.sandboxes(), one, code, await judge.mode(one), replays=0)

    assert judged.outcome == "passed"


async def test_no_text_of_an_answer_chooses_an_order_that_begins_with_the_first_call(judge: Judge) -> None:
    code = "k = []\ndef f(n):\n    k.append(n)\n    return n * n if k[0] == 2 else 0\n"

    assert {await outcome(judge, FOUR, f"{code}# {i}\n") for i in range(12)} == {"failed"}


_ANY_ORDER = case(
    "xs = [1, 2, 3, 4, 5]\nfor _ in range(4):\n    assert sorted(candidate(xs)) == xs\n"
    "assert candidate([7]) == [7]",
    "def f(xs):\n    return xs[::-1]\n",
)
_NAMES = case(
    "a, b = candidate('x'), candidate('y')\nassert a != b and len(a) == len(b) == 36",
    "def f(s):\n    return (s * 36)[:36]\n",
)
HONEST: dict[str, tuple[FunctionCase, str]] = {
    "shuffled": (_ANY_ORDER, "import random\ndef f(xs):\n    return random.sample(xs, len(xs))\n"),
    "shuffled with a seed": (
        _ANY_ORDER,
        "import random\nrandom.seed(1)\ndef f(xs):\n    return random.sample(xs, len(xs))\n",
    ),
    "an estimate": (
        CLOSE,
        "import random\ndef f(n):\n    return n * n + sum(random.gauss(0, 0.01) for _ in range(100)) / 100\n",
    ),
    "names": (_NAMES, "import uuid\ndef f(s):\n    return str(uuid.uuid4())\n"),
    "numbered names": (
        _NAMES,
        "from itertools import count\nk = count()\ndef f(s):\n    return f'{next(k):036}'\n",
    ),
    "a list changed, by what was kept": (
        REVERSED,
        "k = []\ndef f(xs):\n    k.append(1)\n    xs[:] = [xs.pop() for _ in range(len(xs))]\n",
    ),
    "printed with the number of the call": (
        PRINTED,
        "k = []\ndef f(n):\n    k.append(n)\n    print(n * n, 'call', len(k))\n",
    ),
    "an error with an address": (
        REFUSED,
        "k = []\ndef f(n):\n    k.append(object())\n    raise ValueError(f'no {n} in {k[-1]}')\n",
    ),
    "an error with the number of the call": (
        REFUSED,
        "k = []\ndef f(n):\n    k.append(n)\n    raise ValueError(f'no {n}: call {len(k)}')\n",
    ),
    "a memory of answers": (FOUR, "k = {}\ndef f(n):\n    return k.setdefault(n, n * n)\n"),
    "generators, counted": (LAZY, "k = []\ndef f(n):\n    k.append(n)\n    yield n * n\n"),
    "the test's objects, counted": (BOXES, "k = []\ndef f(box):\n    k.append(1)\n    return box.n ** 2\n"),
}


@pytest.mark.parametrize("answer", HONEST)
async def test_an_answer_with_which_the_tests_hold_in_any_order_passes(judge: Judge, answer: str) -> None:
    one, code = HONEST[answer]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


async def test_a_case_whose_tests_cannot_be_run_twice_is_stateful(judge: Judge) -> None:
    once = case("open('once', 'x').close()\nassert candidate(2) == 4\nassert candidate(3) == 9", _SQUARE)
    random = "import random\ndef f(n):\n    random.random()\n    return n * n\n"

    assert (await judge.mode(once)).stateful
    assert await outcome(judge, once, random) == "passed"
