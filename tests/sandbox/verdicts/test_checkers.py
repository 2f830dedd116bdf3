"""Checkers that stand ready: what one trial does, the next doesn't find, and nobody else feels."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox import Limits, Policy, Sandbox, SandboxBroken, open_sandbox
from sandbox.contract import Running
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.candidate_line import REPORT
from sandbox.inner.bridge.codec import decode
from sandbox.verdicts.candidate_pool import Candidate, Candidates, Checkers
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.trial import Trial, run_trial
from tests.growing_limits import growing_limits

_LIMITS = Limits(wall_s=300, cpu_s=1)
ADD = "def add(a, b):\n    return a + b\n"
RIGHT = "def check(candidate):\n    assert candidate(1, 2) == 3\n"


def trial(test: str, *, source: str = ADD, tidy: bool = False) -> Trial:
    return Trial(source=source, entry_point="add", tests=(test,), tidy=tidy)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_an_untidy_trial_leaves_nothing_for_the_next_one() -> None:
    leave = "import math, os, time\nmath.left = 1\nopen('/tmp/left', 'w').close()\n" + RIGHT
    leave += "    if os.fork() == 0:\n        time.sleep(60)\n"
    look = "import math, os\n" + RIGHT
    look += "    assert not hasattr(math, 'left') and not os.path.exists('/tmp/left')\n"
    look += "    assert sum(name.isdigit() for name in os.listdir('/proc')) == 3\n"

    results = await _hold(trial(leave), trial(look))

    assert [one.outcome.tests for one in results] == [[""], [""]]


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_tidy_trial_that_uses_up_its_time_costs_the_next_one_nothing() -> None:
    endless = "def check(candidate):\n    while candidate(1, 2) == 3:\n        pass\n"
    stuck = "def check(candidate):\n    while True:\n        pass\n"

    late, right, broken, again = await _hold(
        trial(stuck, tidy=True),
        trial(RIGHT, tidy=True),
        trial(endless, tidy=True, source=f"{ADD}n = 0\ndef add(a, b):\n    import os; os._exit(3)\n"),
        trial(RIGHT, tidy=True),
    )

    assert late.checker.killed_by == "cpu"
    assert not late.outcome.complete
    assert (right.outcome.tests, again.outcome.tests) == ([""], [""])
    assert right.cpu_s < 1
    assert "exit code was 3" in broken.outcome.tests[0]


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_checker_has_its_process_for_tidy_trials_and_clones_for_others() -> None:
    source = "import os\ndef check(candidate):\n    raise ValueError(os.getpid())\n"

    results = await _hold(*(trial(source, tidy=tidy) for tidy in (True, True, False)))

    pids = [one.outcome.tests[0].split("ValueError: ")[1].split(";")[0] for one in results]
    assert pids[0] == pids[1] == "2"
    assert pids[2] != "2"


class InTurn(Candidates):
    """Candidates of several sandboxes, one after the other."""

    def __init__(self, *sandboxes: Sandbox) -> None:
        super().__init__(sandboxes[0])
        self._left = [Candidates(one) for one in sandboxes]

    async def start(self, job: Mapping[str, object], *, limits: Limits) -> Running | Candidate:
        """Start a candidate in the next sandbox."""
        return await self._left.pop(0).start(job, limits=limits)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_sandbox_that_starts_no_second_candidate_is_broken_and_not_the_answers_end() -> None:
    one = trial(RIGHT + "    assert candidate(2, 2) == 4\n").model_copy(update={"replays": 8})

    async with open_sandbox(Policy(), backend="bubblewrap") as closed:
        pass
    async with (
        open_sandbox(Policy(cpu_s=8), backend="bubblewrap") as candidate,
        open_sandbox(Policy(cpu_s=8), backend="bubblewrap") as checker,
    ):
        with pytest.raises(SandboxBroken):
            await run_trial(InTurn(candidate, closed), Checkers(checker), one, limits=_LIMITS)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_report_that_comes_at_the_deadline_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    receive, wall_s = RunningEntry.receive, 0.0

    async def receive_late(running: RunningEntry) -> bytes | None:
        frame = await receive(running)
        if frame is not None and frame[:1] == REPORT and decode(frame[1:])[0] == "end":
            await asyncio.sleep(wall_s + 0.2)  # it was read, and the deadline passes
        return frame

    monkeypatch.setattr(RunningEntry, "receive", receive_late)
    async with open_sandbox(Policy(cpu_s=8)) as candidate, open_sandbox(Policy(cpu_s=8)) as checker:
        for wall_s in growing_limits(1):  # which the answer's own time is no part of
            limits = Limits(wall_s=wall_s, cpu_s=1)
            result = await run_trial(Candidates(candidate), Checkers(checker), trial(RIGHT), limits=limits)
            if result.outcome.complete:
                break

    assert (result.outcome.tests, result.outcome.complete) == ([""], True), result.outcome.note


INSIDE = """
import asyncio, subprocess, sys, warnings
warnings.simplefilter("ignore")
from tests.sandbox.verdicts.test_checkers import RIGHT, trial, _hold
other = subprocess.Popen(["sleep", "60"])
open("/tmp/others", "w").close()
said = asyncio.run(_hold(trial(RIGHT), backend="container"))
print(said[0].outcome.tests, other.poll(), open("/tmp/others").read() == "")
other.kill()
"""


@pytest.mark.slow
def test_without_namespaces_a_checker_ends_only_what_its_own_trials_started() -> None:
    # In a wall of its own: what is tested here once ended every process of the user's.
    root = Path(__file__).parents[3]
    wall = ["bwrap", "--unshare-pid", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc"]
    wall += ["--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/dev/shm"]
    wall += ["--ro-bind", str(root), str(root), "--chdir", str(root)]

    run = subprocess.run(
        [*wall, sys.executable, "-c", INSIDE], capture_output=True, text=True, timeout=300, check=False
    )

    assert run.stdout == "[''] None True\n", run.stderr


async def _hold(*trials: Trial, backend: str = "bubblewrap") -> list[TrialResult]:
    """Hold trials one after the other, with one checker as long as that lives."""
    async with (
        open_sandbox(Policy(cpu_s=8), backend=backend) as candidate,
        open_sandbox(Policy(cpu_s=8), backend=backend) as checker,
    ):
        checkers = Checkers(checker)
        return [await run_trial(Candidates(candidate), checkers, one, limits=_LIMITS) for one in trials]
