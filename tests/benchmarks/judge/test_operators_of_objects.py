"""An answer asks of a test's objects what the case's own answer asks, operator by operator."""

import pytest

from benchmarks.judge import function
from benchmarks.judge.function_trial import Pair
from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import Mode
from benchmarks.suite import FunctionCase
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.run_report import ANY_USE
from sandbox.verdicts.trial import Trial
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

_BOX = "class Box:\n    def __init__(self, n): self.n = n\n"
_SQUARES = "for n in (3, 5):\n    assert candidate(Box(n)) == n * n"


def box(method: str, own: str = "return b.n ** 2", test: str = _SQUARES) -> FunctionCase:
    return case(f"{_BOX}    def {method}\n{test}", f"def f(b):\n    {own}\n")


_ROWS = (
    "class Rows:\n    def __init__(self, *xs): self.xs = xs\n    def __iter__(self): return iter(self.xs)\n"
)
TEXT = box(
    "__str__(self): return str(self.n)\n    def __repr__(self): return str(self.n ** 2)\n"
    "    def __format__(self, spec): return str(self.n ** 2) if spec else str(self)",
    "return int(str(b)) ** 2",
)
ITEMS = case(
    _ROWS + "    def __len__(self): return len(self.xs)\n    def __int__(self): return sum(self.xs)\n"
    "assert candidate(Rows(1, 2, 3)) == 6",
    "def f(b):\n    return sum(b)\n",
)
ORDERED = box(
    "__lt__(self, n): return self.n < n\n    def __eq__(self, n): return self.n ** 2 == n",
    "return next(n for n in range(9) if b < n + 1) ** 2",
)
ADDED = box(
    "__add__(self, n): return self.n + n\n    def __sub__(self, n): return self.n ** 2", "return (b + 0) ** 2"
)
ASKED = box(
    "get(self): return self.n\n    def __contains__(self, n): return n == self.n ** 2", "return b.get() ** 2"
)
VECTORS = case(
    "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)\n"
    "    def __radd__(self, o): return self if o == 0 else NotImplemented\n"
    "assert candidate([V(1), V(2), V(3)]).x == 6",
    "def f(vs):\n    return sum(vs)\n",
)
LEAKS = {
    "a hash": (box("__hash__(self): return self.n ** 2"), "f = hash"),
    "a length": (box("__len__(self): return self.n ** 2"), "f = len"),
    "a truth": (
        box("__bool__(self): return self.n < 4", "return b.n < 4", _SQUARES.replace("n * n", "(n < 4)")),
        "def f(b): return bool(b)",
    ),
    "a repr": (TEXT, "def f(b): return int(repr(b))"),
    "a format": (TEXT, "def f(b): return int(f'{b:d}')"),
    "a number": (ITEMS, "def f(b): return int(b)"),
    "an equality": (ORDERED, "def f(b): return next(n for n in range(99) if b == n)"),
    "a difference": (ADDED, "def f(b): return b - 0"),
    "a membership": (ASKED, "def f(b): return next(n for n in range(99) if n in b)"),
    "a copy": (box("__copy__(self): return self.n ** 2"), "import copy\nf = copy.copy"),
}
SAME = {
    "items by a loop": (ITEMS, "def f(b):\n    n = 0\n    for one in b: n += one\n    return n"),
    "items by a list and a length": (ITEMS, "def f(b): return sum(list(b)) if len(b) else 0"),
    "a text by a format": (TEXT, "def f(b): return int(f'{b}') ** 2"),
    "an order from the other side": (ORDERED, "def f(b): return next(n for n in range(9) if n + 1 > b) ** 2"),
    "a sum from the other side": (VECTORS, "def f(vs):\n    t = 0\n    for v in vs: t = t + v\n    return t"),
    "a set of objects without a hash of their own": (
        case(
            _BOX + "b = Box(1)\nassert candidate([b, b, Box(2)]) == 2",
            "def f(bs):\n    return len({*map(id, bs)})\n",
        ),
        "def f(bs): return len(set(bs))",
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
async def test_an_operator_that_the_cases_own_answer_does_not_use_gives_no_strong_pass(
    judge: Judge, leak: str
) -> None:
    one, code = LEAKS[leak]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "weaker"), judged.detail
    assert "the case's own answer" in judged.detail


async def test_a_brief_try_with_wider_uses_that_runs_out_of_time_is_followed_by_a_longer_one(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, code = LEAKS["a hash"]
    run_trial, walls = function.run_case_trial, list[float | None]()

    async def run_briefly(pair: Pair, trial: Trial, mode: Mode, case: FunctionCase) -> TrialResult:
        if ANY_USE in (trial.crossing.uses or ()) and mode.how == "isolated":
            walls.append(case.wall_s)
            if len(walls) == 1:  # no machine is fast enough for code that never ends
                trial = trial.model_copy(update={"source": f"{trial.source}\nwhile True: pass\n"})
                case = case.model_copy(update={"wall_s": 0.1})
        return await run_trial(pair, trial, mode, case)

    monkeypatch.setattr(function, "run_case_trial", run_briefly)
    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "weaker"), judged.detail
    assert len(walls) > 1


@pytest.mark.parametrize("use", SAME)
async def test_another_operator_of_the_same_use_passes(judge: Judge, use: str) -> None:
    one, code = SAME[use]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


LOOP = case(
    "numbers = iter([2, 3, 4])\nfirst = next(numbers)\nassert candidate(first, numbers) == 4\n"
    "for n in numbers:\n    assert candidate(n, numbers) == n * n",
    "def f(n, rest):\n    return n * n\n",
)
PAIRS = case(
    "pairs = iter([2, 4, 3, 9])\nfor n in pairs:\n    assert candidate(n, pairs) == 0 or n > 9",
    "def f(n, rest):\n    return next(rest) - n * n\n",
)
FIRST = case("it = iter([3, 4])\nassert candidate(it) == 7", "def f(it):\n    return sum(it)\n")


@pytest.mark.parametrize(
    ("one", "code", "expected"),
    [
        (LOOP, "def f(n, rest): return [4, *rest][0]", ("passed", "weaker")),  # the loop never runs
        (PAIRS, "def f(n, rest): return 0 * len([*rest])", ("passed", "weaker")),
    ],
    ids=["no item of its own", "more items than its own"],
)
async def test_an_answer_that_ends_the_iterator_of_a_tests_loop_gets_no_strong_pass(
    judge: Judge, one: FunctionCase, code: str, expected: tuple[str, str]
) -> None:
    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == expected, judged.detail


async def test_an_iterator_may_be_used_up_as_the_cases_own_answer_does(judge: Judge) -> None:
    judged = await verdict(judge, FIRST, "def f(it):\n    a, b = it\n    return a + b")

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail
