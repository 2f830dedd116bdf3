"""What an answer does to the process of its test, where official judges run both, makes its pass weaker."""

import pytest

from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")
SQUARE = "def f(n):\n    return n * n\n"
SORTED = ("xs = [3, 1, 2]\nassert candidate(xs) == sorted(xs)", "def f(xs):\n    return sorted(xs)\n")
CHEATS = {
    "a builtin that is another": (
        *SORTED,
        "import builtins\nright = sorted\nbuiltins.sorted = lambda xs: [9]\n"
        "def f(xs):\n    return right(xs)\n",
    ),
    "the precision of decimals": (
        "from decimal import Decimal\nassert candidate(2) == 4\n"
        "assert str(Decimal(1) / Decimal(7)) == '0.1428571428571428571428571429'",
        SQUARE,
        "import decimal\ndef f(n):\n    decimal.getcontext().prec = 3\n    return n * n\n",
    ),
    "a number of its own class": (
        "assert type(candidate([3, 1])) is int and candidate([3]) == 3",
        "def f(xs):\n    return max(xs)\n",
        "class Most(int): pass\ndef f(xs):\n    return Most(max(xs))\n",
    ),
    "a text of its own class": (
        "assert type(candidate('a')) is str and candidate('b') == 'B'",
        "def f(text):\n    return text.upper()\n",
        "class Upper(str): pass\ndef f(text):\n    return Upper(text.upper())\n",
    ),
    "an argument that it keeps": (
        "xs = [1]\nassert candidate(xs) == [1]\nassert candidate([2]) == [2]\nassert xs == [1]",
        "def f(xs):\n    return list(xs)\n",
        "kept = []\ndef f(xs):\n    for one in kept: one.append(0)\n"
        "    kept.append(xs)\n    return list(xs)\n",
    ),
    "an answer that it keeps": (
        "candidate(3).append(9)\nassert candidate(3) == [0, 1, 2]",
        "def f(n):\n    return list(range(n))\n",
        "known = {}\ndef f(n):\n    return known.setdefault(n, list(range(n)))\n",
    ),
}
HONEST = {
    "a number of its own class": (
        "assert candidate([3, 1]) == 4",
        "def f(xs):\n    return sum(xs)\n",
        "class Sum(int): pass\ndef f(xs):\n    return Sum(sum(xs))\n",
    ),
    "a memo": (
        "assert candidate(3) == 9\nassert candidate(3) == 9",
        SQUARE,
        "known = {}\ndef f(n):\n    return known.setdefault(n, n * n)\n",
    ),
    "a helper that is called as the test's own": (
        "def double(n): return 2 * n\nassert candidate(3) == 9 and double(3) == 6",
        SQUARE,
        "def double(n):\n    return n * n\ndef f(n):\n    return double(n)\n",
    ),
    "a helper that is called as the test": (
        "assert candidate(3) == 9",
        SQUARE,
        "total = []\ndef check(n):\n    return n * n\ndef f(n):\n    return check(n)\n",
    ),
    "a main program": (
        "assert candidate(3) == 9",
        SQUARE,
        f"import sys\n{SQUARE}if __name__ == '__main__':\n    sys.exit(f(3))\n",
    ),
    "a test that draws the same numbers before and after a call": (
        "import random\nrandom.seed(5)\nfirst = random.random()\nrandom.seed(5)\n"
        "assert candidate(3) == 9\nassert random.random() == first",
        SQUARE,
        "def f(n):\n    return n ** 2\n",
    ),
    "what fails in one process with the case's own answer, too": (
        "import sys\nassert candidate(2) == 4 and 'solution' not in sys.modules",
        "cache = []\ndef f(n):\n    return n * n\n",
        "cache = {}\ndef f(n):\n    return n ** 2\n",
    ),
}


@pytest.mark.parametrize("name", CHEATS)
async def test_an_answer_that_fails_in_one_process_with_its_test_is_weaker(judge: Judge, name: str) -> None:
    test, own, cheat = CHEATS[name]

    weaker = await verdict(judge, case(test, own), cheat)

    assert (weaker.verdict, weaker.strength) == ("passed", "weaker"), weaker.detail
    assert "in one process with its test" in weaker.detail
    assert any(line.strip() in weaker.detail for line in test.splitlines())


@pytest.mark.parametrize("name", HONEST)
async def test_an_answer_that_leaves_the_process_of_its_test_alone_is_strong(judge: Judge, name: str) -> None:
    test, own, other = HONEST[name]

    passed = await verdict(judge, case(test, own), other)

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail
