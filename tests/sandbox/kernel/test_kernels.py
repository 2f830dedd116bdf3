"""Kernels from their start to their end: what there must be, how many there may be, what is left of them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

import sandbox
from sandbox import BackendMissing, Limits, Policy, SandboxBroken, open_kernel, open_sandbox
from sandbox.kernel import kernel_in
from sandbox.kernel.kernel_session import Session
from tests.ordinary_user import run_as_ordinary_user
from tests.processes import processes_with
from tests.sandbox.kernel.conftest import policy_for

REACH = """
import glob, os, resource
REACHED = []
for pid in [int(name) for name in os.listdir('/proc') if name.isdigit()]:
    try:
        mine = os.stat(f'/proc/{pid}').st_gid == os.getgid()
    except FileNotFoundError:
        continue
    if mine or pid == 1:
        continue
    for way in (
        lambda: os.kill(pid, 0),
        lambda: open(f'/proc/{pid}/mem', 'rb'),
        lambda: open(f'/proc/{pid}/environ', 'rb').read(),
        lambda: os.open(f'/proc/{pid}/fd/1', os.O_WRONLY),
        lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, 8)),
    ):
        try:
            way()
            print('reached', pid)
        except (OSError, ValueError):
            continue
print(len(glob.glob('/tmp/.kernel*')), 'folder')
"""
"""Tries whatever isn't of its own kernel; each kernel has a group of its own where they share a container."""


@pytest.mark.slow
async def test_two_kernels_at_once_share_nothing(backend: str) -> None:
    policy = policy_for(backend)
    async with open_kernel(policy, backend=backend) as one, open_kernel(policy, backend=backend) as other:
        await asyncio.gather(one.execute("mine = 1"), other.execute("mine = 2"))

        first, second = await asyncio.gather(one.execute("mine"), other.execute("mine"))

    assert (first.stdout, second.stdout) == ("1\n", "2\n")


async def test_a_sandbox_without_ipykernel_says_how_to_get_it() -> None:
    async with open_sandbox(backend="bubblewrap") as box:
        if (await box.run(sandbox.PythonCode(source="import ipykernel"))).ok:
            pytest.skip("the base interpreter has ipykernel")

        with pytest.raises(BackendMissing, match="-m pip install ipykernel jupyter_client"):
            async with kernel_in(box, Policy()):
                pass


@pytest.mark.slow
async def test_programs_beside_a_kernel_see_none_of_its_packages() -> None:
    async with open_kernel(backend="bubblewrap") as kernel:
        shown = await kernel.execute("import os\nsorted(os.listdir('/opt/kernel'))")
        ours = await kernel.execute("import coder")

        result = await kernel.sandbox.run(
            sandbox.PythonCode(source="import sys\nprint('/opt/kernel' in sys.path)")
        )

    assert "'ipykernel'" in shown.stdout
    assert not {"'pytest'", "'docker'", "'pydantic'", "'openai'"} & set(shown.stdout.split(", "))
    assert "ModuleNotFoundError" in ours.stderr
    assert result.stdout == "False\n"


async def test_memory_that_no_kernel_starts_in_is_named() -> None:
    with pytest.raises(SandboxBroken, match="memory"):
        async with open_kernel(Policy(memory_mb=16), backend="bubblewrap"):
            pass


@pytest.mark.slow
async def test_a_kernel_that_is_closed_says_so() -> None:
    async with open_kernel(backend="bubblewrap") as kernel:
        pass

    with pytest.raises(SandboxBroken, match="closed"):
        await kernel.execute("1")


@pytest.mark.slow
async def test_a_kernel_that_is_closed_while_one_starts_says_so() -> None:
    async with open_kernel(backend="bubblewrap") as kernel:
        await kernel.execute("1")
        restarts = asyncio.gather(*(kernel.restart() for _ in range(3)), return_exceptions=True)
        await asyncio.sleep(0)
        await kernel.close()

        ends = await restarts

    assert all(isinstance(end, SandboxBroken | None) for end in ends)
    assert any(isinstance(end, SandboxBroken) for end in ends)


@pytest.mark.slow
async def test_closing_a_kernel_leaves_its_sandbox_open() -> None:
    async with open_kernel(backend="bubblewrap") as first:
        async with kernel_in(first.sandbox, Policy()) as second:
            await second.execute("open('seen', 'w').write('x')")

        assert (await first.execute("open('seen').read()")).stdout == "'x'\n"


@pytest.mark.slow
async def test_a_spare_kernel_that_died_is_replaced(backend: str) -> None:
    async with open_kernel(policy_for(backend), backend=backend) as kernel:
        await kernel.execute("1")
        assert kernel._coming is not None
        spare: Session = await kernel._coming
        await spare.end()

        await kernel.restart()

        assert (await kernel.execute("2")).stdout == "2\n"


@pytest.mark.slow
async def test_cells_reach_nothing_of_the_kernel_that_is_ready_for_a_restart(backend: str) -> None:
    async with open_kernel(policy_for(backend), backend=backend) as kernel:
        assert kernel._coming is not None
        await kernel._coming

        result = await kernel.execute(REACH)

        assert result.stdout == "1 folder\n"
        assert result.stderr == ""
        await kernel.restart()
        assert (await kernel.execute("'REACHED' in dir()")).stdout == "False\n"


@pytest.mark.slow
async def test_a_kernel_that_dies_between_cells_is_replaced_and_the_next_cell_is_told() -> None:
    async with open_kernel(backend="bubblewrap") as kernel:
        await kernel.execute(
            "import os, threading, time\nx = 1\n"
            "def leave():\n    while not os.path.exists('go'): time.sleep(0.01)\n    os._exit(0)\n"
            "threading.Thread(target=leave, daemon=True).start()"
        )
        assert kernel._session is not None
        running = kernel._session._running
        await kernel.sandbox.write("go", b"")
        while await running.receive() is not None:
            pass

        result = await kernel.execute("'x' in dir()")

    assert (result.stdout, result.state_lost) == ("False\n", True)


@pytest.mark.slow
async def test_a_sandbox_that_broke_is_said_to_be_broken() -> None:
    async with (
        open_sandbox(Policy(kernel=True), backend="bubblewrap") as box,
        kernel_in(box, Policy()) as kernel,
    ):
        await box.close()

        with pytest.raises(SandboxBroken):
            await kernel.execute("1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mechanism", "source"),
    [
        ("wall", "while True: pass"),
        ("kill", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"),
        ("output", "while True: print('x' * 10_000)"),
    ],
)
async def test_without_its_mechanism_a_cell_goes_on(mechanism: str, source: str) -> None:
    limits = Limits(wall_s=1 if mechanism != "output" else 60, output_bytes=1000)
    policy = Policy(kernel=True)
    async with open_sandbox(policy, backend="bubblewrap") as box:
        async with kernel_in(box, policy, spare=False) as kernel:
            contained = await kernel.execute(source, limits=limits)
        async with kernel_in(box, policy, spare=False, without=frozenset({mechanism})) as kernel:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4):
                    await kernel.execute(source, limits=limits)

    assert contained.status == ("output_limit" if mechanism == "output" else "timeout")


def test_the_sandbox_package_itself_loads_no_kernel() -> None:
    script = "import sys, sandbox; print([name for name in sys.modules if 'kernel' in name])"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"


@pytest.mark.slow
def test_nothing_is_left_when_the_owner_of_a_kernel_is_killed() -> None:
    tag = f"kernel-{uuid.uuid4().hex}"
    script = f"""
import asyncio
from sandbox import open_kernel
async def main():
    async with open_kernel(backend="bubblewrap") as kernel:
        await kernel.execute("import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1000 # {tag}'])")
        print('ready', flush=True)
        await kernel.execute("while True: pass")
asyncio.run(main())
"""
    root = Path(sandbox.__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        os.kill(owner.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (left := processes_with(f"# {tag}'")) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert left == []


@pytest.mark.slow
async def test_every_kernel_ends_with_its_block(backend: str) -> None:
    tag = f"kernel-{uuid.uuid4().hex}"
    async with open_kernel(policy_for(backend), backend=backend) as kernel:
        await kernel.execute(f"import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1000 # {tag}'])")

    assert processes_with(tag) == []


async def test_opening_a_kernel_can_be_cancelled_at_any_moment() -> None:
    async with open_sandbox(Policy(kernel=True), backend="bubblewrap") as box:
        for moment_s in (0.0, 0.01, 0.05, 0.2, 0.4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(moment_s), kernel_in(box, Policy()) as kernel:
                    await kernel.execute("while True: pass")
        assert (await box.run(sandbox.PythonCode(source="print('well')"))).stdout == "well\n"


@pytest.fixture
async def echo() -> object:
    async with open_sandbox(backend="bubblewrap") as box:
        yield Session(await box.start("process.echo", {"prefix": ""}))


async def test_a_client_that_speaks_nonsense_is_not_believed(echo: Session) -> None:
    ended = await echo.run(1, "1", lambda said, size: True)

    assert ended is None
    await echo.end()


@pytest.mark.slow
def test_an_ordinary_user_has_kernels_too() -> None:
    script = """
import asyncio
from sandbox import Limits, open_kernel
async def main():
    async with open_kernel(backend="bubblewrap") as kernel:
        await kernel.execute("x = 6")
        print((await kernel.execute("x * 7")).stdout, end="")
        stuck = await kernel.execute(
            "import signal; signal.signal(2, signal.SIG_IGN)\\nwhile True: pass", limits=Limits(wall_s=1)
        )
        print(stuck.status, stuck.state_lost)
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "42\ntimeout True\n", ended.stderr[-2000:]
