"""Answers that sleep, loop or stop their runner keep no others waiting."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.cases import case, sections
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SQUARE = "def f(n):\n    return n * n\n"
CASE = case("assert candidate(2) == 4", SQUARE, timeout_s=3)
HOSTILE = sections(Path(__file__).parent / "hostile.txt")
SLOW = [
    *("no end", "no end at import", "stops itself", "a child that stays", "forks"),
    *("colliding keys", "ignores signals", "closes every descriptor"),
]
BASE = {"top.py": "def top():\n    raise NotImplementedError\n"}
GOLD = {"top.py": "def top():\n    return 7\n"}
TESTS = {"tests/test_top.py": "import top\n\n\ndef test_top():\n    print(top)\n    assert top.top() == 7\n"}
PATCHED = RepositoryCase(
    id="patched",
    prompt="",
    files={path: text.encode() for path, text in BASE.items()},
    hidden_tests=TESTS,
    gold_patch=diff(BASE, GOLD),
    timeout_s=1,
)
STOPS = "import os, signal\n\n\ndef top():\n    os.kill({}, signal.SIGSTOP)\n"


async def seconds_of(judge: Judge, honest: Sequence[str], others: Sequence[str]) -> float:
    """Seconds until the last honest answer has its verdict, with four judged at once beside slow ones."""
    every = [code for pair in zip(others, honest, strict=True) for code in pair]
    waiting, ends, tasks = iter(every), [0.0], []
    began = time.perf_counter()

    async def one(code: str, slow: asyncio.Event) -> None:
        verdict = await judge.judge(CASE, code, on_slow=slow.set)
        slow.set()
        if code.startswith(SQUARE):
            assert verdict.verdict == "passed"
            ends.append(time.perf_counter() - began)

    async def work() -> None:
        for code in waiting:
            slow = asyncio.Event()
            tasks.append(asyncio.create_task(one(code, slow)))
            await slow.wait()

    await asyncio.gather(*(work() for _ in range(4)))
    while len(ends) <= len({*honest, *others} - set(HOSTILE.values())):
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tasks = [task for task in tasks if not task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return max(ends)


async def test_answers_beside_hostile_ones_wait_as_beside_honest_ones() -> None:
    def honest(salt: str) -> list[str]:
        return [f"{SQUARE}# {salt} {i}\n" for i in range(48)]

    hostile = [HOSTILE[SLOW[i % len(SLOW)]] if i % 6 == 0 else code for i, code in enumerate(honest("c"))]
    async with open_judge(Suite(name="small", version="1", cases=(CASE,))) as judge:
        await judge.judge(CASE, SQUARE)
        alone = await seconds_of(judge, honest("a"), honest("b"))
        beside = await seconds_of(judge, honest("d"), hostile)

    assert beside < 8 * alone + 8  # 0.8 s beside 0.5 s; 26 s where hostile ones keep their slots


@pytest.mark.parametrize("stopped", ["os.getpid()", "os.getppid()"], ids=["itself", "its runner"])
async def test_a_patch_that_stops_leaves_its_slot_at_the_limit_of_its_case(stopped: str) -> None:
    patch, right = diff(BASE, {"top.py": STOPS.format(stopped)}), PATCHED.gold_patch or ""
    endless = PATCHED.model_copy(update={"wall_s": 120})
    suite = Suite(name="one", version="1", cases=(PATCHED,))
    async with open_judge(suite, python=only_pytest(), slots=1) as judge:
        assert (await judge.judge(PATCHED, right)).verdict == "passed"
        slow = asyncio.Event()
        leaving = asyncio.create_task(slow.wait())
        stopping = asyncio.create_task(judge.judge(endless, patch, on_slow=slow.set))
        await asyncio.wait([leaving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():  # the signal was denied
            assert stopping.result().verdict in ("failed", "error")
        else:
            assert (await judge.judge(PATCHED, right)).verdict == "passed"
            assert not stopping.done()
        for task in (leaving, stopping):
            task.cancel()
        await asyncio.gather(leaving, stopping, return_exceptions=True)
