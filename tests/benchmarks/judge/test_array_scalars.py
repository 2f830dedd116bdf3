"""Scalars of NumPy in answers are judged as the numbers and texts that they equal."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import Suite
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

SPREAD = case("assert candidate([2, 7, 4]) == 5", "def f(xs):\n    return max(xs) - min(xs)\n")
SIGNED = case("assert candidate([2, -7]) == True", "def f(xs):\n    return min(xs) < 0\n")
MEAN = case("assert candidate([2, 5]) == 3.5", "def f(xs):\n    return sum(xs) / len(xs)\n")
TENTH = case("assert candidate(1) == 0.1", "def f(n):\n    return n / 10\n")
BIG = case("assert candidate(1) == 123456.75", "def f(n):\n    return 123456.75\n")
SUMS = case("assert candidate([2, 5, 1]) == [2, 7, 8]", "def f(xs):\n    return [2, 7, 8]\n")
HONEST = {
    "an int": (SPREAD, "def f(xs): return np.ptp(xs)"),
    "an unsigned byte": (SPREAD, "def f(xs): return np.uint8(max(xs) - min(xs))"),
    "a bool": (SIGNED, "def f(xs): return np.any(np.array(xs) < 0)"),
    "a float": (MEAN, "def f(xs): return np.mean(xs)"),
    "a half float": (MEAN, "def f(xs): return np.float16(sum(xs) / 2)"),
    "a single float": (TENTH, "def f(n): return np.float32(n) / np.float32(10)"),
    "a half float that is no dyadic fraction": (TENTH, "def f(n): return np.float16(0.1)"),
    "a list of single floats": (
        case("assert candidate(2) == [0.1, 0.2]", "def f(n):\n    return [0.1, 0.2]\n"),
        "def f(n): return [*np.array([0.1, 0.2], dtype='f')]",
    ),
    "a single complex number": (
        case("assert candidate(2) == 0.1 + 0.2j", "def f(n):\n    return 0.1 + 0.2j\n"),
        "def f(n): return np.complex64(0.1 + 0.2j)",
    ),
    "a complex number": (
        case("assert candidate(2) == 2j", "def f(n):\n    return n * 1j\n"),
        "def f(n): return np.sqrt(np.complex64(-n * n))",
    ),
    "a text": (
        case("assert candidate(2) == '2'", "def f(n):\n    return str(n)\n"),
        "def f(n): return np.str_(n)",
    ),
    "a list": (SUMS, "def f(xs): return [*np.cumsum(xs)]"),
    "a list that the test passes": (
        case("xs = [2, 5]\ncandidate(xs)\nassert xs == [2, 7]", "def f(xs):\n    xs[1] += xs[0]\n"),
        "def f(xs): xs[:] = np.cumsum(xs)",
    ),
    "a tuple of tuples": (
        case("assert candidate(2) == ((2, 4), 2.0)", "def f(n):\n    return (n, n * n), float(n)\n"),
        "def f(n): return tuple(np.array([n, n * n])), np.float64(n)",
    ),
    "keys and values": (
        case("assert candidate([2, 2, 5]) == {2: 2, 5: 1}", "def f(xs):\n    return {2: 2, 5: 1}\n"),
        "def f(xs): return dict(zip(*np.unique(xs, return_counts=True)))",
    ),
    "items of a generator": (
        case("assert list(candidate([2, 5])) == [2, 7]", "def f(xs):\n    yield from (2, 7)\n"),
        "def f(xs): yield from np.cumsum(xs)",
    ),
    "an argument of the test's function": (
        case("assert candidate(lambda n: n + 1, 3) == 4", "def f(g, n):\n    return g(n)\n"),
        "def f(g, n): return g(np.int64(n))",
    ),
}
WRONG = {
    "a half float near the right one": (TENTH, "def f(n): return np.float16(0.1001)"),
    "an infinite half float": (BIG, "def f(n): return np.float16('inf')"),
    "a half float of a big number": (BIG, "def f(n): return np.float32(123456.7)"),
    "a class of single floats that equal everything": (
        TENTH,
        "class F(np.float32):\n    def __eq__(s, o): return True\n    __hash__ = None\n"
        "def f(n): return F(0.2)",
    ),
    "another int": (SPREAD, "def f(xs): return np.max(xs)"),
    "another float": (MEAN, "def f(xs): return np.sum(xs) / 3"),
    "a class of floats that equal everything": (
        MEAN,
        "class F(np.float64):\n    def __eq__(s, o): return True\n    __hash__ = None\n"
        "def f(xs): return F(0)",
    ),
    "a class of ints that says where it is from": (
        SPREAD,
        "class int64(np.int64):\n    def __eq__(s, o): return True\n    __hash__ = None\n"
        "int64.__module__ = 'numpy'\nnp.int64 = int64\ndef f(xs): return np.int64(0)",
    ),
    "a class that takes the place of NumPy's": (
        SPREAD,
        "class int64(np.int64):\n    def __eq__(s, o): return True\n    __hash__ = None\n"
        "    def item(s): return int64(0)\nint64.__module__ = 'numpy'\n"
        "np.dtype = lambda code: type('D', (), {'type': int64})\ndef f(xs): return int64(0)",
    ),
}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def judge() -> AsyncIterator[Judge]:
    """A judge whose sandboxes have the interpreter of these tests, in which NumPy is installed."""
    suite = Suite(name="small", version="1", cases=(SPREAD,))
    async with open_judge(suite, python=Path(sys.executable)) as judge:
        yield judge


@pytest.mark.slow
@pytest.mark.parametrize("shape", HONEST)
async def test_an_answer_with_scalars_of_numpy_passes_and_is_strong(judge: Judge, shape: str) -> None:
    one, code = HONEST[shape]

    judged = await verdict(judge, one, f"import numpy as np\n{code}")

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


@pytest.mark.slow
@pytest.mark.parametrize("lie", WRONG)
async def test_a_wrong_scalar_or_a_class_of_scalars_is_refused(judge: Judge, lie: str) -> None:
    one, code = WRONG[lie]

    judged = await verdict(judge, one, f"import numpy as np\n{code}")

    assert judged.verdict == "failed", judged.detail
