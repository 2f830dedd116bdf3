"""Errors that the interpreter would swallow where the case's own answer returns end the test."""

import pytest

from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
