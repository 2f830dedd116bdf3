"""Answers that attack the judge itself: each gets a verdict, and the honest answer after it passes."""

import asyncio
import resource
import time
from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, outcome, sections, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

CASE = case(
    "assert candidate(2) == 4\nassert candidate(3) == 9", "def f(n):\n    return n * n\n", timeout_s=1
)
BRIEF = CASE.model_copy(update={"id": "brief", "timeout_s": 0.4})
HONEST = "def f(n):\n    return n * n\n"
LISTS = case("assert candidate(2) == [0, 1]", "def f(n):\n    return list(range(n))\n", timeout_s=30)
LAZY = case("assert list(candidate(2)) == [0, 1]", "def f(n):\n    yield from range(n)\n", timeout_s=1)

HOSTILE = sections(Path(__file__).parent / "hostile.txt")
ENDLESS = ("no end", "no end at import", "ignores signals", "forks", "colliding keys")
"""Use up all their time."""


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_answer_gets_a_verdict_and_the_next_one_its_own(judge: Judge, name: str) -> None:
    one = BRIEF if name in ENDLESS else CASE
    answer_verdict = await verdict(judge, one, HOSTILE[name])

    assert answer_verdict.verdict in ("failed", "error", "timeout")
    assert answer_verdict.detail
    assert await outcome(judge, CASE, HONEST) == "passed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "def f(n):\n    while True: yield 0",
        "def f(n):\n    def g():\n        while True: yield 0\n    return g()",
        "def f(n):\n    yield 0\n    yield 'x' * (1 << 28)",
        "def f(n):\n    yield 0\n    import os\n    os._exit(0)",
    ],
)
async def test_a_generator_without_end_fills_no_checker(judge: Judge, code: str) -> None:
    assert await outcome(judge, LAZY, code) in ("failed", "error", "timeout")
    assert await outcome(judge, LAZY, "def f(n):\n    yield from range(n)\n") == "passed"


@pytest.mark.slow
async def test_a_generator_without_end_fails_by_its_steps_long_before_time_is_up(judge: Judge) -> None:
    patient = LAZY.model_copy(update={"id": "patient", "timeout_s": 100.0})

    answer_verdict = await verdict(judge, patient, "def f(n):\n    while True: yield 0")

    assert answer_verdict.verdict == "failed"
    assert "more than 1,012 steps" in answer_verdict.detail


@pytest.mark.slow
async def test_an_answer_that_fits_into_no_frame_is_not_judged_for_ever(judge: Judge) -> None:
    answer_verdict = await verdict(judge, CASE, f"x = '{'a' * (17 << 20)}'\n{HONEST}")

    assert answer_verdict.verdict == "error"
    assert "at most 1,048,576" in answer_verdict.detail
    assert await outcome(judge, CASE, f"x = '{'é' * (1 << 19)}'\n{HONEST}") == "passed"


async def test_a_message_that_cant_be_made_is_a_failure_like_any(judge: Judge) -> None:
    saying = case("assert candidate(2) == 4, candidate(2)", HONEST)

    answer_verdict = await verdict(judge, saying, "def f(n): return 10**5000")

    assert (answer_verdict.verdict, answer_verdict.detail[:15]) == ("failed", "assert candidat")


@pytest.mark.slow
async def test_large_lists_for_the_checker_are_bounded_and_the_candidates_fault(judge: Judge) -> None:
    answer_verdict = await verdict(judge, LISTS, "def f(n): return [0] * (1 << 22)")

    assert answer_verdict.verdict == "failed"
    assert await outcome(judge, LISTS, "def f(n): return list(range(n))") == "passed"


async def test_an_answer_that_ends_its_sandbox_again_and_again_is_to_blame_itself(judge: Judge) -> None:
    answer_verdict = await verdict(judge, CASE, "import os\ndef f(n):\n    os.abort()")

    assert answer_verdict.verdict == "failed"


@pytest.mark.slow
async def test_floods_do_not_grow_the_judge(judge: Judge) -> None:
    flood = HOSTILE["128 MiB on stdout"]
    await verdict(judge, CASE, flood)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    await asyncio.gather(*(verdict(judge, CASE, flood) for _ in range(4)))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10


@pytest.mark.slow
async def test_a_timeout_without_a_processor_of_its_own_is_tried_again(judge: Judge) -> None:
    asleep = CASE.model_copy(update={"id": "asleep", "wall_s": 1.0})
    slow = "import time\ndef f(n):\n    time.sleep(60)"
    began = time.monotonic()

    verdicts = await asyncio.gather(
        verdict(judge, asleep, slow), *(verdict(judge, CASE, HONEST) for _ in range(5))
    )

    assert [one.verdict for one in verdicts] == ["timeout", *["passed"] * 5]
    assert time.monotonic() - began > 2 * (asleep.wall_s or 0)
