"""How often a case's own answer runs before others are judged, and what that shows."""

from typing import Any

import pytest

from benchmarks.judge import function
from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = case("assert candidate([1, 2]) == 3\nassert candidate([]) == 0", "def f(xs):\n    return sum(xs)\n")
CHANGES = case(
    "xs = [2, 1]\ncandidate(xs)\nassert xs == [1, 2]", "def f(xs):\n    xs.sort()\n", name="f", prompt="sort"
)
CALLS = case("assert candidate(len, [1]) == 1", "def f(g, xs):\n    return g(xs)\n")
YIELDS = case("assert list(candidate(2)) == [0, 1]", "def f(n):\n    yield from range(n)\n")


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sources of the trials so far."""
    sources, run = list[str](), function.run_case_trial

    async def counted(pair: Any, trial: Any, mode: Any, one: Any) -> Any:
        sources.append(trial.source)
        return await run(pair, trial, mode, one)

    monkeypatch.setattr(function, "run_case_trial", counted)
    return sources


async def test_an_own_answer_that_only_gives_plain_data_runs_once(judge: Judge, trials: list[str]) -> None:
    one = await verdict(judge, PLAIN, "def f(xs):\n    return xs and sum(xs) or 0\n")

    assert (one.verdict, one.strength) == ("passed", "strong")
    assert len(trials) == 2, "its own answer once, and the one to judge"


@pytest.mark.parametrize(
    ("one", "right", "wrong"),
    [
        (CHANGES, "def f(xs):\n    xs[:] = sorted(xs)\n", "def f(xs):\n    return sorted(xs)\n"),
        (CALLS, "def f(g, xs):\n    r = g(xs)\n    return r\n", "def f(g, xs):\n    return 2\n"),
        (YIELDS, "def f(n):\n    return (x for x in range(n))\n", "def f(n):\n    yield 0\n"),
    ],
    ids=["changes its argument", "calls the test's function", "yields"],
)
async def test_one_that_does_more_runs_again_to_say_what_may_cross(
    judge: Judge, trials: list[str], one: Any, right: str, wrong: str
) -> None:
    assert (await verdict(judge, one, right)).verdict == "passed"
    assert sum("def f(*arguments" not in source for source in trials) > 2
    assert (await verdict(judge, one, wrong)).verdict == "failed"


async def test_a_test_that_passes_where_calls_give_nothing_makes_its_case_weaker(
    judge: Judge, trials: list[str]
) -> None:
    one = case("assert candidate(2) != 5\ncandidate(3)", "def f(x):\n    return x + 1\n")

    verdict_of_own = await verdict(judge, one, "def f(x):\n    return x + 1\n")

    assert (verdict_of_own.verdict, verdict_of_own.strength) == ("passed", "weaker")
    assert any("def f(*arguments" in source for source in trials), "an answer that does nothing has run"
