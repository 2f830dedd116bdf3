"""Honest answers in unusual forms pass; forms that can't be plain data are weaker, or say why."""

import re
from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import FunctionCase, ScriptCase, ScriptRun
from tests.benchmarks.judge.cases import case, outcome, sections, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNUSUAL = sections(Path(__file__).parent / "unusual.txt")


def unusual(name: str) -> tuple[FunctionCase, str]:
    """The case of a section, and its answer."""
    pieces = re.split(r"^--- (\w+)\n", UNUSUAL[name], flags=re.MULTILINE)
    parts = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return case(parts["test"], parts["own"], prompt=parts.get("prompt", ""), timeout_s=5), parts["answer"]


@pytest.mark.parametrize("name", UNUSUAL)
async def test_an_honest_answer_in_an_unusual_form_passes_and_is_strong(judge: Judge, name: str) -> None:
    one, code = unusual(name)

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


TWO = case("assert candidate(2) == 4\nassert candidate(3) == 9", "def f(n):\n    return n * n\n")
RAISES = case(
    "for n in -1, 0, 1:\n    try:\n        assert candidate(n) == 1\n"
    "    except Exception:\n        assert n < 1",
    "def f(n):\n    if n < 0: raise ValueError\n    return n or 1\n",
)
TRUTH = case("assert candidate(3) and not candidate(0)", "def f(n):\n    return n > 0\n")
DOUBLES = case(
    "r = candidate(2)\nassert r[3] == 6 and r == {}",
    "from collections import defaultdict\n"
    "class D(dict):\n    def __missing__(s, k): return 2 * k\ndef f(n): return D()\n",
)
CLOSURE = case("assert candidate(2)(3) == 5", "def f(n):\n    return lambda m: n + m\n")
PAIR = case(
    "r = candidate(3)\nassert r.x == 1 and r.y == 3 and r == (1, 3)",
    "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(n):\n    return P(1, n)\n",
)
POINT = case(
    "assert candidate(Point(3)) == 9\nassert candidate(Point(2)) == 4",
    "    return p.x ** 2\n",
    prompt="class Point:\n    def __init__(self, x):\n        self.x = x\n\n\ndef f(p):\n    '''Square.'''\n",
)
LIES = {
    "an error where the case's own answer raises none": (
        RAISES.model_copy(update={"id": "none", "test": RAISES.test.replace("assert n < 1", "pass")}),
        "def f(n): raise TypeError",
    ),
    "a truth of another value": (TRUTH, "class T:\n    def __bool__(s): return True\ndef f(n): return T()"),
    "an object that equals all": (TWO, "class T:\n    def __eq__(s, o): return True\ndef f(n): return T()"),
    "items that equal all": (
        case("assert candidate(3) == [3]", "def f(n):\n    return [n]\n"),
        "class S:\n    def __getitem__(s, i): return [0][i]\n    def __eq__(s, o): return True\n"
        "def f(n): return S()",
    ),
    "a mapping that equals all": (
        case("assert candidate(3) == {3: 1}", "def f(n):\n    return {n: 1}\n"),
        "from collections.abc import Mapping\nclass M(Mapping):\n    __getitem__ = lambda s, k: 1\n"
        "    __iter__ = lambda s: iter(())\n    __len__ = lambda s: 1\n    __eq__ = lambda s, o: True\n"
        "def f(n): return M()",
    ),
    "missing values that equal all": (
        DOUBLES,
        "class T:\n    def __eq__(s, o): return True\nclass D(dict):\n    def __missing__(s, k): return T()\n"
        "def f(n): return D()",
    ),
    "a class that makes what equals all": (
        CLOSURE,
        "class T:\n    def __init__(s, m): pass\n    def __eq__(s, o): return True\ndef f(n): return T",
    ),
    "attributes that equal all": (
        PAIR,
        "class T:\n    def __eq__(s, o): return True\nclass P(tuple):\n    x = y = T()\n"
        "def f(n): return P((1, n))",
    ),
    "a class of the prompt's that is another": (
        POINT,
        "class Point:\n    def __getattribute__(s, n): return 0\n"
        "def f(p): return Point.__getattribute__(p, 'x')",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_no_unusual_form_decides_what_it_equals(judge: Judge, lie: str) -> None:
    one, code = LIES[lie]

    judged = await verdict(judge, one, code)

    assert judged.verdict == "failed", judged.detail


async def test_another_error_than_the_cases_own_passes_only_where_that_raises_one(judge: Judge) -> None:
    assert await outcome(judge, RAISES, "def f(n):\n    assert n >= 0\n    return 1\n") == "passed"
    assert (
        await outcome(judge, RAISES, "def f(n):\n    if n == 0: raise KeyError\n    return 1\n") == "failed"
    )


WIDER = {
    "another attribute": (
        case(
            "class Box:\n    w, h, area = 2, 3, 6\nassert candidate(Box()) == 6",
            "def f(box):\n    return box.w * box.h\n",
        ),
        "def f(box): return box.area",
    ),
    "an order": (
        case(
            "class V:\n    def __init__(self, n): self.n = n\n    def __lt__(self, o): return self.n < o.n\n"
            "assert candidate([V(2), V(1)]).n == 1",
            "def f(xs):\n    return min(xs, key=lambda v: v.n)\n",
        ),
        "f = min",
    ),
    "another level of a logger": (
        case(
            "from unittest.mock import Mock\nlog = Mock()\ncandidate(log, 3)\n"
            "log.info.assert_called_once_with(3)",
            "def f(log, n):\n    log.info(n)\n",
        ),
        "def f(log, n):\n    log.debug('start')\n    log.info(n)",
    ),
}


@pytest.mark.parametrize("use", WIDER)
async def test_an_answer_that_passes_only_by_wider_uses_is_weaker_and_says_so(judge: Judge, use: str) -> None:
    one, code = WIDER[use]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "weaker"), judged.detail
    assert "the case's own" in judged.detail


async def test_wider_uses_change_no_mock(judge: Judge) -> None:
    one, _ = WIDER["another level of a logger"]

    assert await outcome(judge, one, "def f(log, n):\n    log.info.assert_called_once_with = log") == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_function_may_print_many_megabytes(judge: Judge, stream: str) -> None:
    flood = f"for _ in range(9): print('x' * 10**6, file=sys.{stream})"
    prints = f"import sys\ndef f(n):\n    {flood}\n    return n * n"

    assert await outcome(judge, TWO, prints) == "passed"


@pytest.mark.slow
async def test_of_a_script_only_stdout_is_limited(judge: Judge) -> None:
    runs = (ScriptRun(stdin="", stdout="x" * 5_000_000),)
    one = ScriptCase(id="loud", prompt="", runs=runs, timeout_s=5)
    prints = "import sys\nprint('x' * {}, flush=True)\nfor _ in range(9): print('x' * 10**6, file=sys.stderr)"

    right = await judge.judge(one, prints.format(5_000_000))
    long = await judge.judge(one, prints.format(9_000_000))

    assert right.verdict == "passed", right.detail
    assert (long.verdict, long.detail) == ("failed", "run 1 of 1: it printed more than 8,388,608 bytes")
