"""What an answer shares with its arguments, or changes in them, shows to a test as in one process."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import FunctionCase
from tests.benchmarks.judge.cases import case, outcome, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

COPY = case(
    "xs = [1, 2]\nr = candidate(xs)\nassert r == xs and r is not xs", "def f(xs):\n    return list(xs)\n"
)
DEEP = case(
    "xs = [[1], [2]]\nr = candidate(xs)\nr[0].append(3)\nassert xs == [[1], [2]]",
    "import copy\ndef f(xs):\n    return copy.deepcopy(xs)\n",
)
SAME = case("xs = [1]\nassert candidate(xs) is xs", "def f(xs):\n    return xs\n")
ITEMS = case(
    "xs = [2, 1]\nassert sorted(candidate(xs)) == [1, 2]\nassert xs == [2, 1]",
    "def f(xs):\n    return list(xs)\n",
)
SILENT = case(
    "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as out:\n"
    "    r = list(candidate(3))\n"
    "assert (r, out.getvalue()) == ([3], '')",
    "def f(n):\n    return [n]\n",
)
PATHS = case(
    "assert list(candidate(2)) == [[0], [0, 1]]",
    "def f(n):\n    path = []\n    for i in range(n):\n        path = path + [i]\n        yield path\n",
)
REPEATED = case(
    "for _ in range(2):\n    for n in range(4):\n        assert candidate([n, 9]) == [n, 9]",
    "def f(xs):\n    return sorted(xs)\n",
)


GRID = case(
    "grid = candidate(2)\ngrid[0][1] = 5\nassert grid == [[0, 5], [0, 0]]",
    "def f(n):\n    return [[0] * n for _ in range(n)]\n",
)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (GRID, "def f(n): return [[0] * n] * n"),
        (COPY, "def f(xs): return xs"),
        (DEEP, "def f(xs): return list(xs)"),
        (SAME, "def f(xs): return list(xs)"),
        (ITEMS, "def f(xs):\n    while xs: yield xs.pop()"),
        (
            PATHS,
            "def f(n):\n    path = []\n    for i in range(n):\n        path.append(i)\n        yield path",
        ),
        (SILENT, "def f(n):\n    print(n)\n    yield n"),
    ],
    ids=[
        "one row in all places",
        "the argument for a copy",
        "a shallow copy",
        "a copy for it",
        "items used up later",
        "one list for all items",
        "items printed",
    ],
)
async def test_an_answer_that_shares_or_changes_too_much_fails(
    judge: Judge, one: FunctionCase, code: str
) -> None:
    assert await outcome(judge, one, code) == "failed"


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (COPY, "def f(xs): return xs[:]"),
        (SAME, "def f(xs): return [xs][0]"),
        (ITEMS, "def f(xs):\n    for x in xs: yield x"),
        (PATHS, "def f(n):\n    for i in range(n): yield list(range(i + 1))"),
        (REPEATED, "def f(xs):\n    xs.sort()\n    return xs"),
        (REPEATED, "known = {}\ndef f(xs):\n    return known.setdefault(tuple(xs), xs)"),
    ],
    ids=[
        "a copy",
        "the argument",
        "items taken later",
        "a list for each item",
        "sorted in place",
        "kept for later",
    ],
)
async def test_an_honest_one_passes(judge: Judge, one: FunctionCase, code: str) -> None:
    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


@pytest.mark.parametrize(
    ("made", "change"),
    [
        ("deque([1, 2], 3)", "xs.reverse()"),
        ("deque([[1], [2]])", "xs[0].append(2)"),
        ("Counter('aab')", "xs.update('b')"),
        ("OrderedDict(a=1, b=2)", "xs.move_to_end('a')"),
        ("defaultdict(list, a=[1])", "xs['b'].append(2)"),
        ("bytearray(b'ab')", "xs.reverse()"),
    ],
)
async def test_changes_of_an_argument_show_whatever_its_type(judge: Judge, made: str, change: str) -> None:
    test = (
        "from collections import Counter, OrderedDict, defaultdict, deque\n"
        "xs, same = {0}, {0}\nassert candidate(xs) == len(same)\n"
    )
    reads, changes = (
        "def f(xs):\n    return len(xs)\n",
        f"def f(xs):\n    n = len(xs)\n    {change}\n    return n\n",
    )
    unchanged_case = case(test.format(made) + "assert xs == same", reads)
    changed = case(test.format(made) + f"xs, kept = same, xs\n{change}\nassert xs == kept", changes)

    assert await outcome(judge, unchanged_case, reads + "#") == "passed"
    assert await outcome(judge, unchanged_case, changes) == "failed"
    judged = await verdict(judge, changed, changes + "#")
    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail
    assert await outcome(judge, changed, reads) == "failed"
