"""Errors end a test where the interpreter or the answer swallows them, and the case's own answer doesn't."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import FunctionCase
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

_RAISES = "\ntry:\n    candidate(9)\nexcept {}:\n    return\nassert False"
_DIGITS = "def f(n):\n    return '01234567'[n]\n"
_TABLE = "def f(n):\n    return {0: '0', 1: '1', 2: '2'}[n]\n"
ITEMS = case(
    "class Row:\n    def __getitem__(self, i):\n        assert candidate(i) == '012'[i]\n        return i\n"
    "for i in Row():\n    if i == 2: break" + _RAISES.format("IndexError"),
    _DIGITS,
)
DEFAULT = case(
    "class Row:\n    def __getattr__(self, name):\n        return candidate(int(name[1:]))\n"
    "assert [getattr(Row(), f'x{n}', str(n)) for n in (0, 1)] == ['0', '1']"
    + _RAISES.format("AttributeError"),
    "def f(n):\n    if n > 7: raise AttributeError(n)\n    return str(n)\n",
)
MISSING = case(
    "class Row(dict):\n    def __missing__(self, n):\n        return candidate(n)\n"
    "from collections import ChainMap\nassert ChainMap(Row(), {1: '1'})[1] == '1'"
    + _RAISES.format("KeyError"),
    _TABLE,
)
LAST = case(
    "assert max(map(candidate, (0, 1)), default='1') == '1'" + _RAISES.format("StopIteration"),
    "def f(n):\n    return next(c for c in '01234567' if int(c) == n)\n",
)
CHEATS = {
    "items by number": (ITEMS, "def f(n): raise IndexError(n)"),
    "a default for an attribute": (DEFAULT, "def f(n): raise AttributeError(n)"),
    "the next of some mappings": (MISSING, "def f(n): raise KeyError(n)"),
    "a default for no items": (LAST, "def f(n): raise StopIteration"),
}


@pytest.mark.parametrize("protocol", CHEATS)
async def test_an_error_where_a_value_is_due_ends_the_test_that_has_no_handler(
    judge: Judge, protocol: str
) -> None:
    one, code = CHEATS[protocol]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("failed", "strong")


HONEST = {
    "the case's own, of items": (ITEMS, f"k = []\n{_DIGITS}"),
    "the case's own, of attributes": (
        DEFAULT,
        "def f(n):\n    try: return '01234567'[n]\n    except IndexError: raise AttributeError",
    ),
    "the case's own, of mappings": (MISSING, f"k = []\n{_TABLE}"),
    "an end of items as the case's own": (
        case(
            "class Row:\n    def __getitem__(self, i):\n        return candidate(i)\n"
            "assert ''.join(Row()) == '01234567'",
            _DIGITS,
        ),
        "def f(n):\n    if n > 7: raise IndexError\n    return str(n)",
    ),
    "errors by chance": (
        case(
            "import random\nfor _ in range(20):\n    n = random.randrange(16)\n    try:\n"
            "        assert candidate(n) == str(n)\n    except IndexError:\n        assert n > 7",
            _DIGITS,
        ),
        "k = []\ndef f(n):\n    if n > 7: raise IndexError\n    return str(n)",
    ),
}


@pytest.mark.parametrize("answer", HONEST)
async def test_an_error_that_the_test_waits_for_passes(judge: Judge, answer: str) -> None:
    one, code = HONEST[answer]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


SKIPPED = {
    "an error that the test handles, where the case's own returns": (
        case(
            "for n in (1, 9):\n    try:\n        assert candidate(n) in ('1', None)\n"
            "    except IndexError:\n        pass",
            "def f(n):\n    return '01234567'[n]\n",
        ),
        "def f(n): raise IndexError(n)",
    ),
    "an error in a block that expects it, where the case's own returns": (
        case(
            "from contextlib import suppress\nfor n in (1, 9):\n    with suppress(IndexError):\n"
            "        assert candidate(n) in ('1', None)",
            "def f(n):\n    return '01234567'[n]\n",
        ),
        "def f(n): raise IndexError(n)",
    ),
}


@pytest.mark.parametrize("answer", SKIPPED)
async def test_a_pass_is_weaker_where_an_error_leaves_out_an_assertion_that_the_own_answer_reaches(
    judge: Judge, answer: str
) -> None:
    one, code = SKIPPED[answer]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "weaker"), judged.detail


CALLBACK = case(
    "seen = []\ndef told(n):\n    seen.append(n)\n    assert n == 9\n"
    "candidate(told, 3)\nassert len(seen) == 1",
    "def f(tell, n):\n    tell(n * n)\n",
)
STEPS = case(
    "def steps():\n    got = yield 3\n    assert got == 9\n    yield\ncandidate(steps())",
    "def f(steps):\n    n = next(steps)\n    steps.send(n * n)\n",
)
ITEM = case(
    "class Row:\n    def __setitem__(self, key, value):\n        self.key = key\n        assert value == 9\n"
    "row = Row()\ncandidate(row, 3)\nassert row.key == 3",
    "def f(row, n):\n    row[n] = n * n\n",
)
LEVEL = case(
    "class Row:\n    @property\n    def level(self): return 0\n    @level.setter\n"
    "    def level(self, value):\n        self.seen = value\n        assert value == 9\n"
    "row = Row()\ncandidate(row, 3)\nassert hasattr(row, 'seen')",
    "def f(row, n):\n    row.level = n * n\n",
)
TOLERANT = case(
    "seen = []\ndef check(n):\n    assert n > 1\n    seen.append(n)\n"
    "candidate(check, [1, 2, 3])\nassert seen == [2, 3]",
    "def f(g, xs):\n    for x in xs:\n        try: g(x)\n        except AssertionError: pass\n",
)
PARSED = case(
    "assert candidate(int, ['1', 'x', '3']) == [1, 3]\n"
    "def parse(s):\n    if s == 'x': raise ValueError(s)\n    return int(s)\n"
    "assert candidate(parse, ['1', 'x', '3']) == [1, 3]",
    "def f(g, xs):\n    return [g(x) for x in xs if x.isdigit()]\n",
)
_CAUGHT = "\n    except BaseException: pass"
SWALLOWS = {
    "in a callback": (CALLBACK, f"def f(tell, n):\n    try: tell(0){_CAUGHT}"),
    "in a generator": (STEPS, f"def f(steps):\n    next(steps)\n    try: steps.send(0){_CAUGHT}"),
    "at an item": (ITEM, f"def f(row, n):\n    try: row[n] = 0{_CAUGHT}"),
    "at an attribute": (LEVEL, f"def f(row, n):\n    try: row.level = 0{_CAUGHT}"),
}


@pytest.mark.parametrize("place", SWALLOWS)
async def test_a_failed_assertion_of_the_test_that_the_answer_catches_fails(judge: Judge, place: str) -> None:
    one, code = SWALLOWS[place]

    judged = await verdict(judge, one, code)

    assert judged.verdict == "failed"
    assert "which is to reach the test: AssertionError" in judged.detail


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (TOLERANT, "def f(g, xs):\n    for x in xs:\n        try: g(x)\n        except Exception: continue"),
        (
            PARSED,
            "def f(g, xs):\n    r = []\n    for x in xs:\n        try: r.append(g(x))\n"
            "        except ValueError: pass\n    return r",
        ),
    ],
    ids=["an assertion that its own catches", "an error that its own avoids"],
)
async def test_an_answer_may_catch_what_is_no_failure_of_the_test(
    judge: Judge, one: FunctionCase, code: str
) -> None:
    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail
