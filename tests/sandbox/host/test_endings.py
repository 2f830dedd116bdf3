"""Whatever ends first, owner, server, caller or program: nothing is left, and nobody waits for ever."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from sandbox import Limits, Policy, PythonCode, Sandbox, SandboxBroken, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.host.served_sandbox import ServedSandbox
from tests.growing_limits import growing_limits
from tests.processes import processes_with, wait_until

BUSY = Limits(wall_s=120, cpu_s=60)
"""Of what isn't about time."""
_OWNER = """
import asyncio, sys
from sandbox import Command, open_sandbox
async def main():
    async with open_sandbox() as box:
        shell = ("sh", "-c", "echo up; while :; do sleep 1; done", sys.argv[1])
        await box.run(Command(argv=shell), on_output=lambda *_: print("up", flush=True))
asyncio.run(main())
"""


def groups() -> set[Path]:
    """Cgroups of our sandboxes on this machine."""
    walk = os.walk("/sys/fs/cgroup")  # unlike a glob it bears that folders of other tests go away meanwhile
    return {Path(folder, name) for folder, names, _ in walk for name in names if name.startswith("coder-")}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_sandbox_whose_owner_was_killed(how: signal.Signals) -> None:
    tag = f"tag-{uuid.uuid4().hex}"
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, tag], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    keeper = int(Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()[0])

    owner.send_signal(how)
    owner.wait()
    owner.stdout.close()

    assert wait_until(lambda: not processes_with(tag))
    assert wait_until(lambda: not Path(f"/proc/{keeper}").exists())
    assert wait_until(lambda: not any(f"-{owner.pid}-" in str(path) for path in groups()))


def own_groups() -> set[str]:
    """The cgroups of this process's sandboxes; some may be kept open for other tests."""
    return {str(path) for path in groups() if f"-{os.getpid()}-" in str(path)}


async def test_a_killed_keeper_takes_the_sandbox_with_it() -> None:
    tag = f"tag-{uuid.uuid4().hex}"
    started, before = asyncio.Event(), own_groups()
    source = f"import os\nos.execvp('sh', ['sh', '-c', 'echo up; while :; do sleep 1; done', {tag!r}])"
    async with open_sandbox() as box:
        running = asyncio.create_task(box.run(PythonCode(source=source), on_output=lambda *_: started.set()))
        await started.wait()
        assert isinstance(box, ServedSandbox)

        os.kill(box.keeper, signal.SIGKILL)

        with pytest.raises(SandboxBroken, match="ended unexpectedly"):
            await running
        with pytest.raises(SandboxBroken, match="ended unexpectedly"):
            await box.run(PythonCode(source="print(1)"))
    assert wait_until(lambda: not processes_with(tag))
    assert own_groups() <= before


async def test_a_cancelled_run_leaves_no_process(box: Sandbox) -> None:
    tag = f"tag-{uuid.uuid4().hex}"
    started = asyncio.Event()
    source = f"import os\nos.execvp('sh', ['sh', '-c', 'echo up; while :; do sleep 1; done', {tag!r}])"
    running = asyncio.create_task(box.run(PythonCode(source=source), on_output=lambda *_: started.set()))
    await started.wait()
    assert processes_with(tag)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert not processes_with(tag)


@pytest.mark.parametrize("steps", range(8))
async def test_a_run_can_be_cancelled_at_any_moment(box: Sandbox, steps: int) -> None:
    running = asyncio.create_task(box.run(PythonCode(source="import time; time.sleep(60)")))
    for _ in range(steps):
        await asyncio.sleep(0)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await box.run(PythonCode(source="print(1)"))).stdout == "1\n"


async def test_a_sandbox_can_be_given_up_while_it_opens() -> None:
    for wait_s in (0.0, 0.005, 0.02):
        opening = asyncio.create_task(open_sandbox().__aenter__())
        await asyncio.sleep(wait_s)

        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


async def test_a_run_of_a_sandbox_that_is_closed_meanwhile_ends() -> None:
    async with open_sandbox() as box:
        running = asyncio.create_task(box.run(PythonCode(source="import time; time.sleep(60)")))
        await asyncio.sleep(0.05)

        await box.close()

        with pytest.raises(SandboxBroken, match="closed"):
            await running
        with pytest.raises(SandboxBroken, match="closed"):
            await box.run(PythonCode(source="print(1)"))


@pytest.mark.slow
async def test_a_program_that_stops_itself_ends_at_its_wall_time(box: Sandbox) -> None:
    source = "import os, signal\nprint('so far', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)"

    for wall_s in growing_limits(2):
        result = await box.run(PythonCode(source=source), limits=Limits(wall_s=wall_s))
        if result.stdout:
            break

    assert (result.status, result.killed_by, result.stdout) == ("timeout", "wall", "so far\n")
    assert (await box.run(PythonCode(source="print('next')"))).stdout == "next\n"


@pytest.mark.slow
async def test_a_fork_bomb_ends_at_its_wall_time_and_the_next_run_works() -> None:
    async with open_bubblewrap(Policy(wall_s=1.0)) as box:
        bomb = await box.run(
            PythonCode(source="import os\nwhile True:\n try: os.fork()\n except OSError: pass")
        )

        after = await box.run(PythonCode(source="print(1)"), limits=BUSY)

    assert bomb.status in ("timeout", "oom")
    assert after.stdout == "1\n"


@pytest.mark.slow
async def test_deep_recursion_ends_one_program_only(box: Sandbox) -> None:
    deep = "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()"

    result = await box.run(PythonCode(source=deep), limits=BUSY)
    after = await box.run(PythonCode(source="print(1)"))

    assert result.status in ("error", "oom")
    assert after.stdout == "1\n"


@pytest.mark.slow
async def test_many_runs_at_once_all_end(box: Sandbox) -> None:
    programs = [PythonCode(source=f"print({number})") for number in range(60)]

    results = await asyncio.gather(*(box.run(program, limits=BUSY) for program in programs))

    assert [result.stdout for result in results] == [f"{number}\n" for number in range(60)]


async def test_endless_output_costs_the_owner_little_memory(box: Sandbox) -> None:
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    before = resident_mb()

    result = await box.run(PythonCode(source="while True: print('x' * 65535)"), limits=BUSY)

    assert result.status == "output_limit"
    assert len(result.stdout) <= 1 << 20
    assert resident_mb() - before < 20
