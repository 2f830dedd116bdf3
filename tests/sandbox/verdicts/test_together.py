"""A function in its tests' process: reported as one apart is, by the same checker and relay."""

import pytest

from sandbox import Limits, Policy, open_sandbox
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.trial import Trial, run_trial_together
from tests.growing_limits import growing_limits

ADD = "def add(a, b):\n    return a - b\n"
CHECK = "def check(candidate):\n    assert candidate(1, 2) == 3, 'a sum'\n"
SEND = """\
import os, stat
def add(a, b):
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, len(FRAME).to_bytes(4, "little") + FRAME)
        except OSError:
            pass
    return 3
"""

pytestmark = pytest.mark.asyncio


async def _hold(source: str, *tests: str, wall_s: float = 30) -> TrialResult:
    async with open_sandbox(Policy()) as sandbox:
        trial = Trial(source=source, entry_point="add", tests=tests)
        return await run_trial_together(sandbox, trial, limits=Limits(wall_s=wall_s, cpu_s=2))


async def test_a_failure_shows_the_line_of_the_test_that_failed() -> None:
    tried = await _hold(ADD, CHECK)

    assert tried.outcome.complete
    assert tried.outcome.tests == ["assert candidate(1, 2) == 3, 'a sum'; AssertionError: a sum"]
    assert tried.checker.cpu_s == 0  # counted once


@pytest.mark.slow
async def test_a_test_that_does_not_end_is_named_and_its_time_is_over() -> None:
    endless = "import time\ndef check(candidate):\n    time.sleep(100_000)\n"

    for wall_s in growing_limits(1):
        tried = await _hold(ADD, endless, wall_s=wall_s)
        if tried.outcome.unfinished:
            break

    assert tried.outcome.timed_out
    assert tried.outcome.unfinished == (0, "")


@pytest.mark.parametrize("frame", [b"C", b"N", b"L", b"", b"Rx"])
async def test_a_forged_frame_ends_the_trial_without_a_verdict(frame: bytes) -> None:
    tried = await _hold(f"FRAME = {frame!r}\n{SEND}", CHECK)

    assert not tried.outcome.complete
    assert tried.outcome.note
