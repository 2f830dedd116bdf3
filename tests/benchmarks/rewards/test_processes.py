"""Several judging processes: the same verdicts, none lost at a death, none left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
import pytest_asyncio

from benchmarks.executors.processes import _receive, answer_job
from benchmarks.rewards.judging import Judging, open_judging
from benchmarks.rewards.service import AnswerJob
from benchmarks.suite import Suite
from coder.base.errors import MachineError, MissingExtra
from sandbox import Limits, PythonCode
from sandbox.errors import BackendMissing
from tests.benchmarks.judge.cases import case
from tests.processes import processes_with, wait_until

CASES = tuple(
    case(
        f"assert candidate(1) == {1 + n}",
        f"def f(x):\n    return x + {n}\n",
        prompt=f"Add {n}.",
        id=f"sum-{n}",
    )
    for n in range(6)
)
SUITE = Suite(name="sums", version="1", cases=CASES)
MARK = "benchmarks.executors.processes import serve"
LIMITS = Limits(wall_s=20)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judging() -> AsyncIterator[Judging]:
    async with open_judging(SUITE, processes=2) as opened:
        yield opened


def children() -> list[int]:
    """Judging processes of this one."""
    return [pid for pid in processes_with(MARK) if _parent(pid) == os.getpid()]


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_several_processes_give_verdicts_in_the_order_of_the_answers_and_run_programs(
    judging: Judging,
) -> None:
    wrong = "def f(x):\n    return -x\n"
    answers = [(one, text) for one in CASES for text in (str(one.canonical_solution), wrong, "no code")]

    judged = await judging.judge(answers, partial=True)
    ran = await judging.run(PythonCode(source="print(6 * 7)"), LIMITS, b"", {})

    assert len(children()) == 2
    assert [(one.verdict, one.reward) for one in judged] == [
        ("passed", 1.0),
        ("failed", 0.0),
        ("error", 0.0),
    ] * len(CASES)
    assert ran.stdout == "42\n"


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_the_answers_of_a_process_that_is_killed_are_judged_by_another(
    judging: Judging,
) -> None:
    right = [(one, str(one.canonical_solution)) for one in CASES]
    await judging.judge(right)
    sleeping = asyncio.create_task(
        judging.run(PythonCode(source="import time; time.sleep(60)"), LIMITS, b"", {})
    )
    await asyncio.sleep(0)
    for pid in children():
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(MachineError, match="has ended"):
        await sleeping
    again = await judging.judge(right)

    assert [judged_answer.reward for judged_answer in again] == [1.0] * len(CASES)


@pytest.mark.slow
async def test_what_a_process_raises_is_raised_here() -> None:
    async with open_judging(SUITE, processes=2, backend="no-such") as judging:
        with pytest.raises(BackendMissing, match="no-such"):
            await judging.judge([(CASES[0], "x")])


async def test_an_error_that_cannot_be_sent_is_told_in_its_words() -> None:
    """MissingExtra is made of two words and keeps one: no other process can make it again."""
    owner = asyncio.StreamReader()

    class Lacking:
        async def do(self, job: AnswerJob, on_slow: Callable[[], None]) -> None:
            raise MissingExtra("jinja2", "report")

    await answer_job(Lacking(), writing_to(owner), 1, AnswerJob(7, CASES[0], "x"))
    number, key, failure = await _receive(owner)

    assert (number, key, type(failure.error)) == (1, "7", MachineError)
    assert "MissingExtra: jinja2 isn't installed." in str(failure.error)
    assert "in do\n" in failure.trace


async def test_an_outcome_that_can_not_be_sent_is_an_error_of_its_job() -> None:
    owner = asyncio.StreamReader()

    class Answers:
        async def do(self, job: AnswerJob, on_slow: Callable[[], None]) -> object:
            return lambda: None

    await answer_job(Answers(), writing_to(owner), 1, AnswerJob(7, CASES[0], "x"))
    number, key, failure = await _receive(owner)

    assert (number, key) == (1, "7")
    assert "lambda" in str(failure.error)


def writing_to(reader: asyncio.StreamReader) -> asyncio.StreamWriter:
    """Return a writer of which the reader gets all."""

    class Writer:
        def write(self, content: bytes) -> None:
            reader.feed_data(content)

        async def drain(self) -> None:
            pass

    return cast("asyncio.StreamWriter", Writer())


@pytest.mark.slow
def test_no_process_outlives_an_owner_that_is_killed() -> None:
    script = (
        "import asyncio\n"
        "from benchmarks.rewards.judging import open_judging\n"
        "from tests.benchmarks.rewards.test_processes import CASES, SUITE\n"
        "async def main():\n"
        "    async with open_judging(SUITE, processes=2) as judging:\n"
        "        await judging.judge([(one, 'x') for one in CASES])\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    theirs = [pid for pid in processes_with(MARK) if _parent(pid) == owner.pid]
    owner.kill()
    owner.wait()

    assert len(theirs) == 2
    assert wait_until(lambda: not [pid for pid in theirs if os.path.exists(f"/proc/{pid}")])
