"""Tests that assert in loops over an answer's value: nothing asserted is nothing shown."""

import pytest

from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, verdict

IN_ONE_LOOP = pytest.mark.asyncio(loop_scope="session")
SQUARES = "def f(n):\n    return [i * i for i in range(n)]\n"
LOOPS = {
    "enumerate": ("for i, x in enumerate(candidate(3)):\n    assert x == i * i", SQUARES),
    "zip": ("for a, b in zip(candidate(3), [0, 1, 4]):\n    assert a == b", SQUARES),
    "items": (
        "for k, v in candidate('ab').items():\n    assert v == ord(k)",
        "def f(s):\n    return {c: ord(c) for c in s}\n",
    ),
    "loops in each other": (
        "for row in candidate(3):\n    for x in row:\n        assert x == 1",
        "def f(n):\n    return [[1] * n]\n",
    ),
    "all": ("assert all(x >= 0 for x in candidate(3))", SQUARES),
    "not any": ("xs = candidate(3)\nassert isinstance(xs, list) and not any(x < 0 for x in xs)", SQUARES),
}


@IN_ONE_LOOP
@pytest.mark.parametrize("name", LOOPS)
async def test_a_pass_of_an_empty_value_is_weaker_where_the_own_answer_reaches_an_assertion(
    judge: Judge, name: str
) -> None:
    test, own = LOOPS[name]
    empty = f"def f(n):\n    return {{}} if {name == 'items'} else []\n"

    weaker, passed = await verdict(judge, case(test, own), empty), await verdict(judge, case(test, own), own)

    assert (weaker.verdict, weaker.strength) == ("passed", "weaker"), weaker.detail
    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail
    assert "nothing came to an assertion" in weaker.detail


UNMARKED = {
    "under a condition": ("r = candidate(3)\nfor x in [1]:\n    if r:\n        assert r[0] == 0", "[]"),
    "a filter": ("assert all(x == 0 for x in candidate(3) if x < 1)", "[5]"),
    "either way": ("r = candidate(3)\nassert not r or all(x < 5 for x in r)", "[]"),
    "by chance": (
        "import random\nn = random.randint(1, 3)\nfor x in candidate(n):\n    assert x < 5",
        "[]",
    ),
}  # fmt: skip


@IN_ONE_LOOP
@pytest.mark.parametrize("name", UNMARKED)
async def test_what_a_test_itself_leaves_out_or_to_chance_is_no_failure(judge: Judge, name: str) -> None:
    test, value = UNMARKED[name]

    passed = await verdict(judge, case(test, SQUARES), f"def f(n):\n    return {value}\n")

    assert passed.verdict == "passed", passed.detail
