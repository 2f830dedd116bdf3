"""Whose fault it is when a sandbox dies: the machine's only where a known-good answer fails there too."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.judge.function_trial import Pair
from benchmarks.judge.judge import Judge, open_judge, require_working_sandbox
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.suite import Suite
from sandbox import Policy, open_sandbox
from sandbox.errors import SandboxBroken
from tests.benchmarks.judge.cases import case
from tests.processes import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT = "def f(n):\n    return n * n\n"
SQUARE = case("assert candidate(3) == 9", RIGHT)
SUITE = Suite(name="small", version="1", cases=(SQUARE,))


def let_sandboxes_die(judge: Judge, deaths: int | None) -> None:
    """Kill so many of the candidates' sandboxes, or all of them, as each is lent for an answer."""
    lends, killed = judge.judging_sandboxes.shared, set[int]()

    @asynccontextmanager
    async def shared() -> AsyncIterator[Pair]:
        async with lends() as pair:
            keeper: int = pair.candidate.keeper  # type: ignore[attr-defined]
            if keeper not in killed and (deaths is None or len(killed) < deaths):
                killed.add(keeper)
                os.kill(keeper, signal.SIGKILL)
                assert await asyncio.to_thread(wait_until, lambda: has_ended(keeper))
            yield pair

    judge.judging_sandboxes.shared = shared  # type: ignore[method-assign]


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; its parent may not have waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


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
        await judge.mode(SQUARE)
        let_sandboxes_die(judge, deaths)
        verdict = await judge.judge(SQUARE, RIGHT)

    assert verdict.verdict == expected, verdict


@pytest.mark.slow
async def test_a_sandbox_in_which_nothing_ends_well_is_not_taken_for_one_that_lives() -> None:
    async with open_sandbox(Policy(wall_s=0.0001)) as dying:
        assert not (await require_working_sandbox(dying, DraftVerdict("failed"))).died
        with pytest.raises(SandboxBroken, match="where a candidate died"):
            await require_working_sandbox(dying, DraftVerdict("failed", died=True))
    async with open_sandbox() as alive:
        assert (await require_working_sandbox(alive, DraftVerdict("failed", died=True))).outcome == "failed"
