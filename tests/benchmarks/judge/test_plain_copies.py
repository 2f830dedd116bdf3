"""Answers of another plain type than the case's own are let in as copies, which the test compares."""

import pytest

from benchmarks.judge.function import judge_function
from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import Mode
from sandbox.verdicts.run_report import Crossing
from tests.benchmarks.judge.cases import case, outcome, verdict
from tests.benchmarks.judge.plain_shapes import ASKED, HONEST, LIST, NUMBER, PAIR, SORTED, TEXT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("shape", HONEST)
async def test_an_honest_answer_of_another_plain_type_passes_and_is_strong(judge: Judge, shape: str) -> None:
    one, code = HONEST[shape]

    judged = await verdict(judge, one, code.format(n="n"))

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


@pytest.mark.parametrize("shape", HONEST)
async def test_one_that_holds_another_value_does_not_pass(judge: Judge, shape: str) -> None:
    one, code = HONEST[shape]

    judged = await verdict(judge, one, code.format(n="(n - 1 if n < 3 else n + 1)"))

    assert judged.verdict == "failed", judged.detail


async def test_without_copies_such_an_answer_is_refused(judge: Judge) -> None:
    one, code = HONEST["an int"]
    by_reference = Mode(how="isolated", crossing=Crossing(kinds=frozenset({"function"})))
    assert await outcome(judge, one, code.format(n="n")) == "passed"

    uncopied = await judge_function(
        await judge.sandboxes(), one, _SENT_AS_IT_IS + code.format(n="n"), by_reference
    )

    assert "an object of class I where plain data" in uncopied.detail


_SENT_AS_IT_IS = """
import gc
for _one in gc.get_objects():
    if type(_one).__name__ == 'Callee':
        _one._kinds = None
"""
"""The candidate's process is its own: it may leave the copies off, and only harms itself."""

LIES = {
    "an int with an equality of its own": (
        NUMBER,
        "class I(int):\n    def __eq__(s, o): return True\n    __lt__ = __add__ = __eq__\n"
        "    __hash__ = None\ndef f(n): return I(0)",
    ),
    "an IntEnum with an equality of its own": (
        NUMBER,
        "import enum\nclass E(enum.IntEnum):\n    A = 0\n    def __eq__(s, o): return True\n"
        "    __add__ = __lt__ = __eq__\n    __hash__ = int.__hash__\ndef f(n): return E.A",
    ),
    "a named tuple with an equality of its own": (
        PAIR,
        "import collections\nclass P(collections.namedtuple('P', 'x y')):\n"
        "    def __eq__(s, o): return True\ndef f(n): return P(0, 0)",
    ),
    "a named tuple that shows other items": (
        case("assert list(candidate(3)) == [1, 3]", "def f(n):\n    return (1, n)\n"),
        "import collections\nclass P(collections.namedtuple('P', 'x y')):\n"
        "    def __iter__(s): return iter((1, 3))\ndef f(n): return P(0, 0)",
    ),
    "a list that says how long it is": (
        case("assert len(candidate(3)) == 2", "def f(n):\n    return [n, 1]\n"),
        "class L(list):\n    def __len__(s): return 2\ndef f(n): return L()",
    ),
    "a list with a metaclass that says what it is": (
        LIST,
        "class M(type):\n    def __eq__(s, o): return True\n    __hash__ = type.__hash__\n"
        "    def __getattribute__(s, n): return type.__getattribute__(list, n)\n"
        "    __mro__ = property(lambda s: list.__mro__)\n"
        "class L(list, metaclass=M):\n    def __eq__(s, o): return True\ndef f(n): return L()",
    ),
    "a reduction that lies": (
        LIST,
        "class L(list):\n    def __reduce__(s): return (list, ([1, 3],))\n"
        "    __reduce_ex__ = lambda s, v: s.__reduce__()\n    def __copy__(s): return [1, 3]\n"
        "    __deepcopy__ = lambda s, m: [1, 3]\n    copy = __copy__\ndef f(n): return L()",
    ),
    "a str with an equality of its own": (
        TEXT,
        "class S(str):\n    def __eq__(s, o): return True\n    def __getitem__(s, i): return s\n"
        "    __hash__ = None\ndef f(n): return S()",
    ),
    "a generator of what equals everything": (
        SORTED,
        "class E:\n    def __eq__(s, o): return True\n    def __lt__(s, o): return True\n"
        "def f(n):\n    yield E()\n    yield E()",
    ),
    "a generator that looks for its reader": (
        SORTED,
        "import sys\ndef f(n):\n    g = sys._getframe()\n    while g:\n"
        "        for v in list(g.f_locals.values()) + list(g.f_globals.values()):\n"
        "            if v == [1, 3]:\n                yield from v\n                return\n"
        "        g = g.f_back",
    ),
    "a generator without end": (ASKED, "def f(n):\n    while True: yield n"),
    "an iterator that answers for itself": (
        ASKED,
        "class I:\n    def __iter__(s): return s\n    def __next__(s): raise StopIteration\n"
        "    def __contains__(s, o): return o == 3\ndef f(n): return I()",
    ),
    "an iterator for a generator that equals everything": (
        case("assert candidate(3) != [1] and next(candidate(3)) == 3", "def f(n):\n    yield n\n"),
        "class I:\n    def __iter__(s): return s\n    def __next__(s): return s\n"
        "    def __eq__(s, o): return True\ndef f(n): return I()",
    ),
    "an iterable that says how long it is": (
        case("assert len(candidate(3)) == 2", "def f(n):\n    return [n, 1]\n"),
        "class I:\n    def __iter__(s): return iter(())\n    def __len__(s): return 2\ndef f(n): return I()",
    ),
    "a mapping that finds whatever is asked for": (
        case("assert candidate(3)['n'] == 3", "def f(n):\n    return {'n': n}\n"),
        "class D(dict):\n    def __getitem__(s, k): return 3\ndef f(n): return D()",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_judges_itself_is_refused(judge: Judge, lie: str) -> None:
    one, code = LIES[lie]

    assert await outcome(judge, one, code) == "failed"


async def test_no_function_of_an_answer_says_what_it_is_equal_to(judge: Judge) -> None:
    kept = case(
        "g = candidate(2)\nassert g(3) == 5 and g == g and g != candidate",
        "def f(n):\n    return lambda m: n + m\n",
    )
    code = (
        "class A:\n    def __call__(s, m): return 5\n    def __eq__(s, o): return False\n"
        "    def __ne__(s, o): return True\ndef f(n): return A()"
    )
    alike = case(
        "g = candidate(2)\nassert g(3) == 5\nassert not g == 5", "def f(n):\n    return lambda m: n + m\n"
    )

    assert (await verdict(judge, kept, code)).strength == "weaker"
    assert await outcome(judge, alike, code.replace("False", "True")) == "passed"


SWALLOWS = case(
    "try:\n    assert candidate(3) == 3\nexcept Exception:\n    pass", "def f(n):\n    return n\n"
)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "class A: pass\ndef f(n): return A()",
            "f(3) gave an object of class A where plain data is expected",
        ),
        (
            "class A(int):\n    def __eq__(s, o): return True\ndef f(n): return A()",
            "f(3) gave an object of class A, which has an equality of its own, where plain data is expected",
        ),
        ("class A: pass\ndef f(n): return A", "f(3) gave a class where plain data is expected"),
        ("def f(n): return KeyError()", "f(3) gave an exception where plain data is expected"),
        ("def f(n): return f", "f(3) gave a function where plain data is expected"),
        (
            "import itertools\ndef f(n): return itertools.count()",
            "f(3): its value can't be copied: an iterator of 1,048,576 items or more",
        ),
    ],
)
async def test_what_stays_out_is_named_in_english(judge: Judge, code: str, reason: str) -> None:
    assert (await verdict(judge, SWALLOWS, code)).detail == reason


async def test_a_case_whose_own_answer_is_of_another_plain_type_is_strong(judge: Judge) -> None:
    levels = case(
        "assert candidate(3) == 3",
        "import enum\nclass E(enum.IntEnum):\n    A = 3\ndef f(n):\n    return E(n)\n",
    )

    judged = await verdict(judge, levels, "def f(n): return n\n")

    assert (judged.verdict, judged.strength) == ("passed", "strong")
    assert await outcome(judge, levels, "def f(n): return n + 1\n") == "failed"


async def test_an_error_that_a_lazy_answer_raises_is_the_calls(judge: Judge) -> None:
    positive = case(
        "try:\n    sorted(candidate(-1))\nexcept ValueError:\n    return\nassert False",
        "def f(n):\n    if n < 0: raise ValueError\n    return [n]\n",
    )

    assert (
        await outcome(judge, positive, "def f(n):\n    if n < 0: raise ValueError\n    yield n") == "passed"
    )
    assert await outcome(judge, positive, "def f(n):\n    if n < 0: raise KeyError\n    yield n") == "failed"
