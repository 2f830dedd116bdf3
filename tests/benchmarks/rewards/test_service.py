"""The judging service: hostile and slow answers among others, and a bounded queue."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.rewards.service import JudgingService, QueueFull, open_service
from tests.benchmarks.rewards.conftest import DOUBLE, SUITE

RIGHT = "    return 2 * n\n"
BUSY = "    import time\n    end = time.process_time() + 0.15\n    while time.process_time() < end: pass\n"
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


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[JudgingService]:
    async with open_service(SUITE, patience_s=2.0) as service:
        yield service


@pytest.mark.asyncio(loop_scope="module")
async def test_hostile_answers_get_nothing_and_keep_no_other_from_its_reward(service: JudgingService) -> None:
    hostile = [(DOUBLE, text) for text in HOSTILE.values()]

    judged = await service.judge([*hostile, *[(DOUBLE, f"{RIGHT}# {i}") for i in range(40)]])

    assert [one.reward for one in judged[: len(hostile)]] == [0.0] * len(hostile)
    assert [one.verdict for one in judged[len(hostile) :]] == ["passed"] * 40
    assert all(one.strength == "strong" for one in judged)


async def test_an_honest_answer_that_takes_long_passes() -> None:
    async with open_service(SUITE) as service:
        (judged,) = await service.judge([(DOUBLE, BUSY + RIGHT)])

    assert (judged.verdict, judged.reward, judged.cut) == ("passed", 1.0, False)
    assert judged.cpu_s >= 0.45


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pass_has_all_tests_and_a_failure_is_not_counted_unless_asked(
    service: JudgingService,
) -> None:
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


async def test_a_case_whose_own_answer_takes_long_is_judged_as_others() -> None:
    slow = DOUBLE.model_copy(update={"id": "slow", "canonical_solution": BUSY + RIGHT})

    async with open_service(SUITE) as service:
        judged = await service.judge([(slow, RIGHT), (slow, "    return n\n"), (slow, BUSY + RIGHT)])

    assert [one.verdict for one in judged] == ["passed", "failed", "passed"]


async def test_too_many_slow_answers_are_cut_and_say_so() -> None:
    async with open_service(SUITE, patience_s=0.0) as service:
        loop, right = await service.judge([(DOUBLE, HOSTILE["loops"]), (DOUBLE, RIGHT)])

    assert (loop.verdict, loop.reward, loop.cut) == ("timeout", 0.0, True)
    assert (right.verdict, right.cut) == ("passed", False)
    assert loop.cpu_s < DOUBLE.timeout_s / 2


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    async with open_service(SUITE, most_waiting=3) as service:
        first = asyncio.create_task(service.judge([(DOUBLE, RIGHT)] * 3))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull, match="3 answers wait to be judged") as refused:
            await service.judge([(DOUBLE, RIGHT)])
        assert [one.reward for one in await first] == [1.0] * 3
        assert [one.reward for one in await service.judge([(DOUBLE, RIGHT)])] == [1.0]

    assert refused.value.retry_after_s >= 1
