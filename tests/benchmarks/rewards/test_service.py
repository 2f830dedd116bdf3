"""The judging service: hostile and slow answers among others, and a bounded queue."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.rewards.judging import Judging, open_judging
from tests.benchmarks.rewards.conftest import DOUBLE, SUITE

RIGHT = "    return 2 * n\n"
BUSY_S = 0.05
BUSY = (
    f"    import time\n    end = time.process_time() + {BUSY_S}\n    while time.process_time() < end: pass\n"
)
"""Takes more of a processor at each of three calls than a first try."""
HOSTILE = {
    "loops": "    while True: pass\n",
    "sleeps": "    import time; time.sleep(1000)\n",
    "fills memory": "    x = [0]\n    while True: x += x\n",
    "forks": "    import os\n    while True:\n        try: os.fork()\n        except OSError: pass\n",
    "leaves": "    import os\n    os._exit(0)\n",
    "prints a verdict": '    print(\'{"verdict": "passed", "reward": 1.0}\')\n    import os; os._exit(0)\n',
    "writes to every descriptor": (
        "    import os\n    for fd in range(64):\n"
        "        try: os.write(fd, b'passed')\n        except OSError: pass\n"
    ),
    "equals everything": "    class X:\n        def __eq__(self, other): return True\n    return X()\n",
}


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def service() -> AsyncIterator[Judging]:
    async with open_judging(SUITE, processes=1) as service:
        yield service


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_hostile_answers_get_nothing_and_keep_no_other_from_its_reward(service: Judging) -> None:
    hostile = [(DOUBLE, text) for text in HOSTILE.values()]

    judged = await service.judge([*hostile, *[(DOUBLE, f"{RIGHT}# {i}") for i in range(40)]], slow_s=0.3)

    assert [one.reward for one in judged[: len(hostile)]] == [0.0] * len(hostile)
    assert [one.verdict for one in judged[len(hostile) :]] == ["passed"] * 40
    assert all(one.strength == "strong" for one in judged)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_an_honest_answer_that_takes_long_passes(service: Judging) -> None:
    (judged,) = await service.judge([(DOUBLE, BUSY + RIGHT)])

    assert (judged.verdict, judged.reward) == ("passed", 1.0)
    assert judged.cpu_s >= 3 * BUSY_S


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_a_pass_has_all_tests_and_a_failure_is_not_counted_unless_asked(service: Judging) -> None:
    answers = [(DOUBLE, RIGHT), (DOUBLE, "    return 2\n")]

    passed, failed = await service.judge(answers, partial=True)
    uncounted = await service.judge(answers)

    assert [(one.tests_passed, one.tests, one.reward) for one in (passed, failed)] == [
        (3, 3, 1.0),
        (1, 3, 1 / 3),
    ]
    assert [(one.tests_passed, one.tests, one.reward) for one in uncounted] == [
        (None, None, 1.0),
        (None, None, 0.0),
    ]
    assert "candidate(2) == 4" in failed.detail


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_a_case_whose_own_answer_takes_long_is_judged_as_others(service: Judging) -> None:
    slow = DOUBLE.model_copy(update={"id": "slow", "canonical_solution": BUSY + RIGHT})

    judged = await service.judge([(slow, RIGHT), (slow, "    return n\n"), (slow, BUSY + RIGHT)])

    assert [one.verdict for one in judged] == ["passed", "failed", "passed"]


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_honest_slow_answers_pass_also_after_and_among_endless_loops(service: Judging) -> None:
    quick = DOUBLE.model_copy(update={"id": "quick", "timeout_s": 0.3})

    loops = await service.judge([(quick, f"{HOSTILE['loops']}# {i}") for i in range(2)])
    answers = [(quick, HOSTILE["loops"]), *[(DOUBLE, f"{BUSY}{RIGHT}# {i}") for i in range(2)]]
    judged = await service.judge(answers)

    assert [(one.verdict, one.reward) for one in loops] == [("timeout", 0.0)] * 2
    assert all(one.cpu_s >= quick.timeout_s for one in loops)
    assert [one.reward for one in judged] == [0.0] + [1.0] * 2


@pytest.mark.slow
async def test_endless_loops_leave_slots_to_the_others() -> None:
    async with open_judging(SUITE, processes=1) as service:
        loops = asyncio.create_task(service.judge([(DOUBLE, f"{HOSTILE['loops']}# {i}") for i in range(12)]))
        (right,) = await service.judge([(DOUBLE, RIGHT)])
        (after,) = await service.judge([(DOUBLE, f"{RIGHT}# after")])
        assert not loops.done()
        loops.cancel()

    assert (right.reward, after.reward) == (1.0, 1.0)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_an_answer_has_as_long_as_asked_but_four_times_the_own_answer_of_its_case(
    service: Judging,
) -> None:
    slow = DOUBLE.model_copy(update={"id": "slow", "canonical_solution": BUSY + RIGHT})
    loop = HOSTILE["loops"]

    judged = await service.judge([(DOUBLE, loop), (DOUBLE, BUSY + RIGHT), (slow, BUSY + RIGHT)], slow_s=0.05)

    assert [(one.verdict, one.reward) for one in judged] == [
        ("timeout", 0.0),
        ("timeout", 0.0),
        ("passed", 1.0),
    ]
    assert 0.05 <= judged[0].cpu_s < DOUBLE.timeout_s / 2
    assert "0.05 s of CPU" in judged[0].detail


@pytest.mark.asyncio(loop_scope="session")
async def test_parts_are_counted_in_one_life_of_the_answer(service: Judging) -> None:
    known = "    double.known = getattr(double, 'known', {})\n"
    once = f"{known}    return double.known.setdefault(n, 0 if double.known else 2 * n)\n"

    (judged,) = await service.judge([(DOUBLE, once)], partial=True)

    assert (judged.tests_passed, judged.tests) == (1, 3)
