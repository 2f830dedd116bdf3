"""Children that wait to be lent: how many, for how long, and what 200 runs at once get."""

import asyncio
import time
import venv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox import Limits, Policy, PythonCode, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.host.child import Child
from sandbox.host.limits import RunLimits
from sandbox.host.memory_watch import count_processes
from sandbox.host.pool import Pool

AT_ONCE = 200


async def _idle(pool: Pool) -> Child:
    """A child that waits in a pool."""
    async with asyncio.timeout(300):
        while not pool._idle:  # noqa: ASYNC110 - a pool tells nobody of a child that waits
            await asyncio.sleep(0)
    return pool._idle[0]


@pytest.mark.slow
async def test_two_hundred_runs_at_once_all_end_as_they_should() -> None:
    async with open_sandbox(Policy(wall_s=120)) as box:
        programs = [PythonCode(source=f"print({number})") for number in range(AT_ONCE)]

        results = await asyncio.gather(*(box.run(program) for program in programs))

    assert [result.stdout for result in results] == [f"{number}\n" for number in range(AT_ONCE)]


async def test_the_clock_of_a_run_stands_while_it_waits_for_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    lend, waits_s = Pool.lend, 0.3

    async def lend_late(pool: Pool, limits: RunLimits) -> Child:
        await asyncio.sleep(waits_s)
        return await lend(pool, limits)

    monkeypatch.setattr(Pool, "lend", lend_late)
    async with open_bubblewrap(Policy()) as box:
        began = time.monotonic()
        result = await box.run(PythonCode(source="print(1)"))
        elapsed_s = time.monotonic() - began

    assert result.wall_s <= elapsed_s - waits_s


async def test_two_hundred_runs_that_are_cancelled_at_once_leave_a_sandbox_that_works() -> None:
    async with open_sandbox() as box:
        began = asyncio.Event()
        endless = PythonCode(source="print('up', flush=True)\nwhile True: pass")
        runs = [box.run(endless, on_output=lambda *_: began.set()) for _ in range(AT_ONCE)]
        running = [asyncio.create_task(one) for one in runs]
        await began.wait()
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)

        assert (await box.run(PythonCode(source="print(1)"))).stdout == "1\n"


async def test_a_sandbox_with_one_run_makes_one_child_and_later_runs_find_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(3))
    async with open_bubblewrap(Policy()) as box:
        first = await _idle(box._pool)
        await box.run(PythonCode(source=""))
        await first.gone.wait()
        children = set(box._pool._alive)
        await box.run(PythonCode(source=""))

        assert children == set()
        await _wait_until(lambda: len(box._pool._idle) == 3)


async def test_random_numbers_differ_from_run_to_run() -> None:
    async with open_sandbox() as box:
        program = PythonCode(source="import random; print(random.random())")
        drawn = {(await box.run(program)).stdout for _ in range(4)}

    assert len(drawn) == 4


WORKS = "import os; os.fork() or os.execvp('sh', ['sh', '-c', 'while :; do sleep 1; done'])"
HOLDS = "import sys; sys.held = bytearray(range(256)) * (1 << 20)"
SLOW = "import subprocess; subprocess.run(['sh', '-c', 'while [ ! -e /w/enough ]; do sleep 0.1; done'])"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "without", "stays"),
    [
        (WORKS, {"cgroup"}, False),
        (WORKS, set(), False),
        (WORKS, {"rest"}, True),
        (HOLDS, {"cgroup"}, False),
        (HOLDS, {"cgroup", "rest"}, True),
    ],
)
async def test_what_an_environment_starts_with_python_does_not_go_on_between_runs(
    tmp_path: Path, line: str, without: set[str], stays: bool
) -> None:
    policy = Policy(python=_environment(tmp_path, line), memory_mb=128)

    async with open_bubblewrap(policy, without=frozenset(without)) as box:
        waits = await _idle(box._pool)
        with suppress(TimeoutError):
            async with asyncio.timeout(2 if stays else 60):
                await waits.gone.wait()

        assert waits.gone.is_set() is not stays
        result = await box.run(PythonCode(source="print('ran')"))
        assert result.stdout == "ran\n" or line == HOLDS, result


async def test_an_environment_that_works_for_a_moment_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.host.pool._LOOK_S", 600.0)  # only this test looks

    async with open_bubblewrap(Policy(python=_environment(tmp_path, SLOW))) as box:
        waits = await _idle(box._pool)
        await _wait_until(lambda: _processes(waits) > 2)
        box._pool._look()
        await box.write("enough", b"")
        await _wait_until(lambda: _processes(waits) == 2)
        box._pool._look()

        assert waits in box._pool._idle


async def _wait_until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not true():  # noqa: ASYNC110 - another process sends us no event
            await asyncio.sleep(0.01)


def _processes(child: Child) -> int:
    assert child.reaper is not None
    return count_processes(child.reaper)


@pytest.mark.slow
async def test_a_run_whose_environment_holds_more_than_it_may_is_out_of_memory(tmp_path: Path) -> None:
    policy = Policy(
        python=_environment(tmp_path, "import sys; sys.held = bytearray(range(256)) * (40 << 12)")
    )
    async with open_bubblewrap(policy) as box:
        await _idle(box._pool)
        for fresh in (False, True):
            little = await box.run(PythonCode(source=""), limits=Limits(memory_mb=16), fresh=fresh)
            enough = await box.run(PythonCode(source=""), limits=Limits(memory_mb=100), fresh=fresh)

            assert (little.status, little.killed_by, enough.status) == ("oom", "memory", "ok")
        assert not box._pool.lent


def _environment(place: Path, line: str) -> Path:
    """The Python of a virtual environment that does something when it starts."""
    venv.create(place / "v", with_pip=False, symlinks=True)
    (packages,) = (place / "v" / "lib").glob("python*/site-packages")
    (packages / "started.pth").write_text(f"{line}\n")
    return place / "v" / "bin" / "python"
