"""Whose fault it is when a sandbox dies: the machine's only where a known-good answer fails there too."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from benchmarks.judge.judge import Judge, open_judge, require_working_sandbox
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.suite import Suite
from benchmarks.verdict import Verdict
from sandbox import Policy, open_sandbox
from sandbox.errors import SandboxBroken
from tests.benchmarks.judge.cases import case

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT = "import time\n\ndef f(n):\n    time.sleep(1.5)\n    return n * n\n"
"""Slow, so that its sandbox is sure to die before it has answered."""
SQUARE = case("assert candidate(3) == 9", RIGHT)
SUITE = Suite(name="small", version="1", cases=(SQUARE,))


async def judged_while_sandboxes_die(judge: Judge, deaths: int | None) -> Verdict:
    """The verdict on a right answer, while so many of the candidates' sandboxes die; None: all of them."""
    await judge.mode(SQUARE)
    work = asyncio.create_task(judge.judge(SQUARE, RIGHT))
    killed: set[int] = set()
    while not work.done():
        keeper: int = (await judge.sandboxes()).candidate.keeper  # type: ignore[attr-defined]
        if keeper not in killed and (deaths is None or len(killed) < deaths):
            killed.add(keeper)
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGKILL)
        await asyncio.sleep(0)
    return await work


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deaths", "expected"),
    [(1, "passed"), (3, "error"), (None, "infrastructure")],
    ids=["once", "whenever this answer was tried", "whatever is tried"],
)
async def test_a_dead_sandbox_is_the_machines_fault_only_where_a_good_answer_fails_too(
    deaths: int | None, expected: str
) -> None:
    async with open_judge(SUITE) as judge:
        verdict = await judged_while_sandboxes_die(judge, deaths)

    assert verdict.verdict == expected, verdict


@pytest.mark.slow
async def test_a_sandbox_in_which_nothing_ends_well_is_not_taken_for_one_that_lives() -> None:
    async with open_sandbox(Policy(wall_s=0.0001)) as dying:
        assert not (await require_working_sandbox(dying, DraftVerdict("failed"))).died
        with pytest.raises(SandboxBroken, match="where a candidate died"):
            await require_working_sandbox(dying, DraftVerdict("failed", died=True))
    async with open_sandbox() as alive:
        assert (await require_working_sandbox(alive, DraftVerdict("failed", died=True))).outcome == "failed"
