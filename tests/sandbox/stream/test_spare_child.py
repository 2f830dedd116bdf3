"""The child that an agent makes in advance: for the next program alone, never beside another one."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator

import pytest

from sandbox import Command, PythonCode, session_policy
from sandbox.docker.open_docker import open_docker
from sandbox.stream.stream_sandbox import StreamSandbox
from sandbox.supervisor.owner import this_process
from tests.docker_engine import IMAGE, containers
from tests.processes import wait_until

pytestmark = pytest.mark.slow
_OWN = 2
"""Processes of an agent beside itself."""


@pytest.fixture
async def box(docker_engine: None) -> AsyncIterator[StreamSandbox]:
    async with open_docker(session_policy(wall_s=60, image=IMAGE)) as opened:
        yield opened


def _children(agent: int) -> list[int]:
    """The agent's two processes, and programs: children of the one that makes them."""
    pids = [agent]
    for pid in pids:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            pids += map(int, file.read().split())
    return pids[1:]


async def _agent() -> int:
    """pid of the only container's agent on this machine."""
    (name,) = await containers(this_process().mark)
    command = ["docker", "inspect", "-f", "{{.State.Pid}}", name]
    return int(await asyncio.to_thread(subprocess.check_output, command))


async def test_no_child_waits_beside_a_program_of_others(box: StreamSandbox) -> None:
    agent = await _agent()
    async with box.session() as session:
        running = await session.start("sleep 50")
        await box.run(PythonCode(source="pass"))
        await asyncio.sleep(0.5)
        beside = len(_children(agent))
        await running.stop()
        await session.sh("true")

        assert await asyncio.to_thread(wait_until, lambda: len(_children(agent)) == _OWN + 1)
    assert beside == _OWN + 1, "the program alone"


async def test_a_child_that_was_killed_is_replaced(box: StreamSandbox) -> None:
    agent = await _agent()
    await box.run(PythonCode(source="pass"))
    assert await asyncio.to_thread(wait_until, lambda: len(_children(agent)) == _OWN + 1)

    os.kill(_children(agent)[-1], signal.SIGKILL)
    ran = await box.run(PythonCode(source="print(1)"))

    assert (ran.status, ran.stdout) == ("ok", "1\n")


async def test_what_a_run_left_in_tmp_is_gone_for_the_next_one(box: StreamSandbox) -> None:
    listing = PythonCode(source="import os; print(os.listdir('/tmp'), os.listdir('/dev/shm'))")
    await box.run(PythonCode(source="open('/tmp/a', 'w'); open('/dev/shm/b', 'w')"))
    await asyncio.sleep(0.3)

    after = await box.run(listing)
    await box.run(PythonCode(source="import os; open('/tmp/a', 'w'); os.chmod('/tmp', 0)"))
    closed = await box.run(listing)

    assert (after.stdout, closed.stdout) == ("[] []\n", "[] []\n")


async def test_the_files_of_a_session_in_tmp_survive_a_run_beside_it(box: StreamSandbox) -> None:
    async with box.session() as session:
        await session.sh("echo 1 > /tmp/kept")
        await box.run(PythonCode(source="pass"))
        await asyncio.sleep(0.3)
        await box.run(PythonCode(source="pass"))

        assert (await session.sh("cat /tmp/kept")).output == "1\n"


async def test_a_child_made_in_advance_has_the_limits_of_its_job(box: StreamSandbox) -> None:
    await box.run(PythonCode(source="pass"))
    await asyncio.sleep(0.3)
    result = await box.run(
        PythonCode(
            source="import resource as r; print(r.getrlimit(r.RLIMIT_CPU), r.getrlimit(r.RLIMIT_FSIZE))"
        )
    )
    policy = session_policy(wall_s=60)

    assert result.stdout == (
        f"({int(policy.cpu_s)}, {int(policy.cpu_s) + 1}) ({policy.disk_mb << 20}, {policy.disk_mb << 20})\n"
    )


async def test_programs_of_python_get_its_packages_and_commands_work_without(box: StreamSandbox) -> None:
    code = "import sys; print('site' in sys.modules or any('packages' in place for place in sys.path))"

    run = await box.run(PythonCode(source=code))
    command = await box.run(Command(argv=("python3", "-c", "import pytest")))

    assert (run.stdout, command.exit_code) == ("True\n", 0)
