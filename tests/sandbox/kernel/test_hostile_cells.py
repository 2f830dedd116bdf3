"""Whatever a cell does: its caller has a result in time, and the next cell is served."""

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from sandbox import CommandResult, Kernel, Program, open_kernel
from sandbox.kernel import kernel as kernel_module
from tests.growing_limits import growing_limits
from tests.sandbox.kernel.conftest import BACKENDS, MARKS, policy_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDLESS = {
    "swallows the interrupt": "while True:\n    try:\n        time.sleep(60)\n    except BaseException: pass",
    "ignores the signal": "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(60)",
    "hangs in C": "sum(range(10**15))",
    "stops its client": "os.kill(os.getppid(), signal.SIGSTOP)\nwhile True: time.sleep(60)",
    "stops all processes": "os.kill(-1, signal.SIGSTOP)\nwhile True: time.sleep(60)",
    "forks and waits": "os.fork()\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(60)",
    "takes its client's sockets away": (
        "import glob\n[os.unlink(path) for path in glob.glob('/tmp/.kernel*/kernel-*')]\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(60)"
    ),
    "shows without end": (
        "from IPython.display import HTML, display\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "while True:\n    display(HTML('x')); time.sleep(0.0001)"
    ),
    "prints without end": (
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    print('x'); time.sleep(0.0001)"
    ),
}
DEADLY = {
    "leaves": "os._exit(0)",
    "leaves with a code": "os._exit(3)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "kills itself": "os.kill(os.getpid(), signal.SIGKILL)",
    "kills its client": "os.kill(os.getppid(), signal.SIGKILL)",
    "kills all": "os.kill(-1, signal.SIGKILL)",
}


def by_each_backend(sources: dict[str, str], *, sample: Sequence[str]) -> pytest.MarkDecorator:
    """All of them behind the first backend, and a sample behind the others: the kernel is the same."""
    return pytest.mark.parametrize(
        ("backend", "source"),
        [
            pytest.param(backend, source, id=f"{backend}-{name}", marks=MARKS[backend])
            for backend in BACKENDS
            for name, source in sources.items()
            if backend == BACKENDS[0] or name in sample
        ],
        indirect=["backend"],
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def impatient_kernel(backend: str) -> AsyncIterator[Kernel]:
    """A kernel of its own that gives an interrupted cell, and a kernel that doesn't answer, little time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_module, "_ANSWER_S", 0.5)
        async with open_kernel(policy_for(backend), backend=backend) as opened:
            yield Kernel(opened.session, grace_s=0.5)


async def prepare(kernel: Kernel) -> None:
    """Define something that can be lost."""
    await kernel.execute("import os, signal, time\nkept = 'kept'")


async def output(kernel: Kernel, source: str) -> str:
    return (await kernel.execute(source, wall_s=60)).result.output


@pytest.mark.slow
@by_each_backend(ENDLESS, sample=("swallows the interrupt",))
async def test_a_cell_that_will_not_end_costs_its_kernel_and_no_time(
    impatient_kernel: Kernel, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = impatient_kernel
    await prepare(kernel)
    limits, run = [], kernel.session.run

    async def counted(program: Program, **how: Any) -> CommandResult:
        limits.append(how["wall_s"])
        return await run(program, **how)

    with monkeypatch.context() as patch:
        patch.setattr(kernel.session, "run", counted)
        cell = await kernel.execute(source, wall_s=1)

    assert limits == [1]  # nobody has waited for the kernel's answer
    assert (cell.result.status, cell.result.killed_by) == ("timeout", "wall")
    if not cell.state_lost:
        assert (await kernel.execute("6 * 7", wall_s=60)).state_lost
    assert await output(kernel, "6 * 7") == "42\n"
    assert "NameError" in await output(kernel, "kept")


@pytest.mark.slow
@by_each_backend(DEADLY, sample=("leaves",))
async def test_a_cell_that_ends_its_kernel_is_no_success(kernel: Kernel, source: str) -> None:
    await prepare(kernel)

    cell = await kernel.execute(f"print('so far', flush=True)\n{source}")

    assert cell.result.status in ("error", "killed")
    assert cell.result.exit_code != 0
    assert cell.state_lost or (await kernel.execute("1")).state_lost  # all was killed: its end comes later
    assert await output(kernel, "6 * 7") == "42\n"


@pytest.mark.slow
async def test_a_cell_may_end_its_kernel_in_words(kernel: Kernel) -> None:
    await prepare(kernel)

    cell = await kernel.execute("exit()")

    assert cell.result.status == "ok"
    assert cell.state_lost
    assert "NameError" in await output(kernel, "kept")


@pytest.mark.slow
async def test_a_cell_that_fills_memory_is_ended_and_says_so(kernel: Kernel) -> None:
    await prepare(kernel)

    cell = await kernel.execute("hoard = []\nwhile True: hoard.append(b'x' * (1 << 24))", wall_s=300)

    assert (cell.result.status, cell.result.killed_by, cell.state_lost) == ("oom", "memory", True)
    assert await output(kernel, "6 * 7") == "42\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "source", ["while True: print('x' * 10_000)", "import os\nwhile True: os.write(1, b'x' * 65536)"]
)
async def test_a_flood_ends_its_cell_and_the_host_does_not_grow(kernel: Kernel, source: str) -> None:
    await prepare(kernel)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    cell = await kernel.execute(source, wall_s=300)

    assert (cell.result.status, cell.result.killed_by) == ("output_limit", "output")
    assert cell.result.truncated
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10  # KiB
    assert await output(kernel, "6 * 7") == "42\n"


async def test_what_a_thread_prints_between_cells_is_in_none(kernel: Kernel) -> None:
    await prepare(kernel)
    await kernel.execute(
        "import threading\ngone = threading.Event()\n"
        "def late():\n    time.sleep(0.1)\n    print('late' * 1_000_000, flush=True)\n"
        "    open('printed', 'w').close()\n    gone.set()\n"
        "threading.Thread(target=late, daemon=True).start()"
    )
    await kernel.session.sh("until [ -e printed ]; do sleep 0.05; done", wall_s=60)

    assert await output(kernel, "gone.wait(10); print('mine')") == "mine\n"


@pytest.mark.slow
async def test_what_cells_plant_in_the_workspace_is_not_run_by_a_restart(kernel: Kernel) -> None:
    planted = b"import builtins, sys\nbuiltins.planted = True\n"
    places = ("ipykernel.py", "zmq.py", "sitecustomize.py", "usercustomize.py", "json.py", "sandbox.py")
    for path in (*places, "IPython/__init__.py", ".ipython/profile_default/startup/00.py"):
        await kernel.session.write(path, planted)

    await kernel.restart()

    assert await output(kernel, "import builtins\nhasattr(builtins, 'planted')") == "False\n"
    for path in (*places, ".ipython", "IPython"):
        await kernel.session.remove(path)


async def test_a_cell_that_nobody_waits_for_is_interrupted(kernel: Kernel) -> None:
    await prepare(kernel)
    first_output = asyncio.Event()
    cell = asyncio.ensure_future(
        kernel.execute("print('begun', flush=True)\ntime.sleep(60)", on_output=lambda _: first_output.set())
    )
    await first_output.wait()

    cell.cancel()

    with pytest.raises(asyncio.CancelledError):
        await cell
    assert await output(kernel, "kept") == "'kept'\n"


@pytest.mark.slow
async def test_a_cell_is_interrupted_at_its_time_and_the_state_is_kept(kernel: Kernel) -> None:
    await prepare(kernel)

    for wall_s in growing_limits(1):
        cell = await kernel.execute("print('so far')\nwhile True: time.sleep(0.1)", wall_s=wall_s)
        if cell.result.output:
            break

    assert (cell.result.killed_by, cell.state_lost) == ("wall", False)
    assert cell.result.output.startswith("so far\n")
    assert "KeyboardInterrupt" in cell.result.output
    assert await output(kernel, "kept") == "'kept'\n"


async def test_cells_that_are_given_at_once_run_one_after_the_other(kernel: Kernel) -> None:
    await kernel.execute("import time\nseen = []")

    await asyncio.gather(*(kernel.execute(f"seen.append({n}); time.sleep(0.02)") for n in range(5)))

    assert await output(kernel, "seen") == "[0, 1, 2, 3, 4]\n"


@pytest.mark.slow
async def test_a_kernel_that_ends_between_two_cells_is_told(kernel: Kernel) -> None:
    await prepare(kernel)
    assert kernel._kernel is not None
    await kernel._kernel.stop()

    cell = await kernel.execute("'kept' in dir()")

    assert (cell.state_lost, cell.result.output) == (True, "False\n")


@pytest.mark.slow
async def test_a_pipe_that_stands_for_a_picture_is_not_waited_for(kernel: Kernel) -> None:
    cell = await kernel.execute("import os\nprint(os.environ.get('HOME'))")
    await kernel.session.sh(f"mkfifo /tmp/out/cell-{cell.number}-1.png")

    async with asyncio.timeout(300):
        assert await kernel.read_pictures(cell.number, max_count=4, max_bytes=1 << 20, wall_s=1) == []
