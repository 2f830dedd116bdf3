"""What programs in one container have, how a run there ends, and what is left of it for the next run."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox import Command, Limits, PythonCode, SandboxBroken
from sandbox.docker.open_docker import open_docker
from sandbox.inner.bridge.codec import encode
from sandbox.stream.stream_sandbox import StreamSandbox
from sandbox.verdicts.check import Assertion, check
from tests.docker_engine import FOREVER, POLICY

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(docker_engine: None) -> AsyncIterator[StreamSandbox]:
    async with open_docker(POLICY) as box:
        yield box


@pytest_asyncio.fixture(loop_scope="module")
async def box(opened: StreamSandbox) -> AsyncIterator[StreamSandbox]:
    """The container of all tests here, with an empty workspace."""
    yield opened
    await opened.remove(".")


async def test_a_program_has_no_right_at_all(box: StreamSandbox) -> None:
    source = """
for line in open('/proc/self/status'):
    if line.split(':')[0] in ('Uid', 'CapInh', 'CapPrm', 'CapEff', 'CapAmb', 'NoNewPrivs', 'Seccomp'):
        print(*line.split())
"""
    result = await box.run(PythonCode(source=source))

    none = "0" * 16
    assert result.stdout.splitlines() == [
        "Uid: 65534 65534 65534 65534",
        *(f"Cap{name}: {none}" for name in ("Inh", "Prm", "Eff", "Amb")),
        "NoNewPrivs: 1",
        "Seccomp: 2",
    ]


@pytest.mark.slow
async def test_a_run_can_have_less_memory_than_the_policy_and_the_next_one_has_it_again(
    box: StreamSandbox,
) -> None:
    greedy = PythonCode(source="x = b'x' * (200 << 20); print('had it')")

    less = await box.run(greedy, limits=Limits(memory_mb=64))
    again = await box.run(greedy)

    assert (less.status, less.killed_by) == ("oom", "memory")
    assert again.stdout == "had it\n"


async def test_a_program_that_may_have_one_process_has_one(box: StreamSandbox) -> None:
    forks = PythonCode(source="import os\ntry: os.fork()\nexcept OSError: print('refused')")

    result = await box.run(forks, limits=Limits(processes=1))

    assert result.stdout == "refused\n"


async def test_a_signal_is_told_from_an_exit_code_where_the_engine_can(box: StreamSandbox) -> None:
    large = await box.run(PythonCode(source="raise SystemExit(200)"))
    killed = await box.run(Command(argv=("sh", "-c", "kill -TERM $$")))

    assert (large.exit_code, large.signal) == (200, None)
    assert (killed.exit_code, killed.signal) == (None, 15)


async def test_queues_and_shared_memory_of_a_run_do_not_reach_the_next(box: StreamSandbox) -> None:
    make = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
made = libc.shmget(0x5eed, 4096, 0o1666), libc.msgget(0x5eed, 0o1666), libc.semget(0x5eed, 1, 0o1666)
print(*(number >= 0 for number in made))
os.makedirs('/tmp/a/b'); os.chmod('/tmp/a', 0); os.chmod('/tmp', 0)
"""
    look = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.shmget(0x5eed, 4096, 0o666), libc.msgget(0x5eed, 0o666), libc.semget(0x5eed, 1, 0o666))
print(os.listdir('/tmp'), oct(os.stat('/tmp').st_mode & 0o7777))
"""
    first_result = await box.run(PythonCode(source=make))

    second_result = await box.run(PythonCode(source=look))

    assert first_result.stdout == "True True True\n", first_result.stderr
    assert second_result.stdout == "-1 -1 -1\n[] 0o1777\n", second_result.stderr


async def test_entries_run_beside_a_program_and_beside_each_other(box: StreamSandbox) -> None:
    first, second = (
        await box.start("process.echo", {"prefix": "1"}),
        await box.start("process.echo", {"prefix": "2"}),
    )
    program = await box.run(PythonCode(source="print('beside')"))
    for running, answer in ((first, b"1x"), (second, b"2x")):
        await running.send(b"x")
        assert await running.receive() == answer

    results = [await running.finish() for running in (first, second)]

    assert program.stdout == "beside\n"
    assert [result.status for result in results] == ["killed", "killed"]
    assert (await box.run(PythonCode(source="print('after')"))).stdout == "after\n"


async def test_files_are_served_while_a_program_runs(box: StreamSandbox) -> None:
    source = (
        "import os, time\nwhile not os.path.exists('given'): time.sleep(0.01)\nopen('seen', 'w').write('yes')"
    )
    running = asyncio.create_task(box.run(PythonCode(source=source)))

    await box.write("given", b"x")

    assert (await running).ok
    assert await box.read("seen") == b"yes"


async def test_an_endless_flood_costs_the_host_little(box: StreamSandbox) -> None:
    flood = PythonCode(source="import os\nwhile True: os.write(1, b'x' * 65536)")
    before = _resident_mb()

    result = await box.run(flood, limits=Limits(wall_s=120, cpu_s=60))

    assert (result.status, result.truncated) == ("output_limit", True)
    assert _resident_mb() - before < 20


async def test_frames_that_nobody_takes_make_the_sender_wait(box: StreamSandbox) -> None:
    before = _resident_mb()
    running = await box.start("process.echo", {})
    sending = asyncio.create_task(_send_much(running))
    await asyncio.wait([sending], timeout=1)

    waits = not sending.done()

    sending.cancel()
    await asyncio.wait([sending])
    await running.finish()
    assert waits
    assert _resident_mb() - before < 64


async def test_frames_that_nobody_reads_do_not_hold_up_the_end_of_an_entry(box: StreamSandbox) -> None:
    running = await box.start("process.echo", {}, limits=Limits(wall_s=60_000))
    for _ in range(6):  # above a window we read no more
        await running.send(bytes(1 << 16))
    await running._send_all(b"\xff" * 4)  # an invalid header: the entry ends
    await _until_it_has_ended(running)

    result = await running.finish()

    assert (result.status, result.exit_code) == ("error", 1)


_LENDS_ITS_CHANNEL = """
def lend():
    import os, socket, stat
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("/w/line")
        for fd in range(3, 16):
            there = fd != line.fileno() and os.path.exists(f"/proc/self/fd/{fd}")
            if there and stat.S_ISSOCK(os.fstat(fd).st_mode):
                socket.send_fds(line, [b"x"], [fd])
                line.recv(4)
                os._exit(0)
"""
_FLOODS_IT = """
import os, select, socket
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind("/w/line")
    listening.listen()
    print("listening", flush=True)
    line, _ = listening.accept()
_, (channel,), _, _ = socket.recv_fds(line, 1, 1)
while select.select([], [channel], [], 1)[1]:
    os.write(channel, bytes(4096))
line.send(b"full")
try:
    while True:
        os.write(channel, bytes(1 << 20))
except (BrokenPipeError, ConnectionResetError):
    print("flooded")
"""


@pytest.mark.slow
async def test_a_flood_into_the_channel_of_an_entry_that_has_ended_costs_the_host_little(
    box: StreamSandbox,
) -> None:
    listening = asyncio.Event()
    long = Limits(wall_s=60, cpu_s=60)
    program = asyncio.create_task(
        box.run(PythonCode(source=_FLOODS_IT), limits=long, on_output=lambda *_: listening.set())
    )
    await listening.wait()
    module = {"write_back": True, "kinds": [], "modules": {"solution": _LENDS_ITS_CHANNEL}}
    running = await box.start("bridge.callee", module, limits=long)
    before = _resident_mb()
    await running.send(encode(("run", "solution:lend", (), {})))
    await _until_it_has_ended(running)

    await running.finish()

    assert _resident_mb() - before < 32
    assert (await program).stdout == "listening\nflooded\n"


@pytest.mark.slow
@pytest.mark.parametrize("limits", [Limits(memory_mb=64), Limits(cpu_s=1000)], ids=["lower", "higher"])
async def test_a_run_that_is_cancelled_leaves_the_next_one_its_own_limits(
    box: StreamSandbox, limits: Limits
) -> None:
    for delay in (0.001, 0.003, 0.006, 0.01):
        await box.manifest()  # a process waits for the next job now
        task = asyncio.create_task(box.run(FOREVER, limits=limits))
        await asyncio.sleep(delay)  # anywhere in the middle
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

        result = await box.run(PythonCode(source="print(len(b'x' * (256 << 20)))"))

        assert result.stdout == f"{256 << 20}\n"


async def test_a_run_can_be_cancelled_at_any_moment(box: StreamSandbox) -> None:
    for delay in (0, 0.01, 0.02, 0.05, 0.1, 0.2):
        running = asyncio.create_task(box.run(FOREVER))
        await asyncio.wait([running], timeout=delay)
        running.cancel()
        await asyncio.wait([running])

    source = "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))"
    assert (await box.run(PythonCode(source=source))).stdout == "4\n"  # itself, and the agent's


@pytest.mark.slow
async def test_a_check_works_between_two_containers(box: StreamSandbox) -> None:
    async with open_docker(POLICY) as checker:
        await box.write("solution.py", b"def add(a, b):\n    return a + b\n")

        right, wrong = [
            await check(box, checker, [Assertion(source=f"assert add(2, 3) == {value}")]) for value in (5, 6)
        ]

    assert right.passed
    assert not wrong.passed


async def _send_much(running: Any) -> None:
    with suppress(SandboxBroken):
        for _ in range(100):
            await running.send(b"x" * (4 << 20))


async def _until_it_has_ended(running: Any) -> None:
    with suppress(SandboxBroken):
        while True:
            await running.send(b"")
            await asyncio.sleep(0.01)


def _resident_mb() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)
