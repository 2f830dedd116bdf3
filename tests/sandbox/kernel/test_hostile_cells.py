"""Whatever a cell does: its caller has a Result in time, and the next cell is served."""

import asyncio
import resource
import time
from collections.abc import Sequence

import pytest

from sandbox import Kernel, Limits
from tests.sandbox.kernel.conftest import BACKENDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATEST_S = 0.5
"""After a limit, whatever happens; as DESIGN says it of every program."""
_NOISE_S = 8.0
"""What a busy machine may add."""
SHORT = Limits(wall_s=1)
PATIENT = Limits(wall_s=300)
"""Of what isn't about time."""

ENDLESS = {
    "swallows the interrupt": "while True:\n    try:\n        time.sleep(60)\n    except BaseException: pass",
    "ignores the signal": "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    "hangs in C": "sum(range(10**15))",
    "stops all processes": "os.kill(-1, signal.SIGSTOP)\nwhile True: pass",
    "stops its client": "os.kill(os.getppid(), signal.SIGSTOP)\nwhile True: pass",
    "forks and waits": "os.fork()\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(60)",
    "takes its client's sockets away": (
        "import glob\n[os.unlink(path) for path in glob.glob('/tmp/.kernel*/kernel-*')]\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    ),
    "prints without end": (
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    print('x'); time.sleep(0.0001)"
    ),
    "shows without end": (
        "from IPython.display import HTML, display\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "while True: display(HTML('x'))"
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
            pytest.param(backend, source, id=f"{backend}-{name}")
            for backend in BACKENDS
            for name, source in sources.items()
            if backend == BACKENDS[0] or name in sample
        ],
        indirect=["backend"],
    )


async def prepare(kernel: Kernel) -> None:
    """Something to lose; and the spare kernel has come, so that a cell's grace isn't spent on it."""
    if kernel._coming is not None:
        await asyncio.wait([kernel._coming])
    await kernel.execute("import os, signal, time\nkept = 'kept'")


async def is_served(kernel: Kernel) -> bool:
    return (await kernel.execute("6 * 7", limits=Limits(wall_s=30))).stdout == "42\n"


@pytest.mark.slow
async def test_an_endless_loop_is_interrupted_and_the_state_is_kept(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.kernel.kernel._GRACE_S", 60.0)  # a busy machine takes longer than its time
    await prepare(kernel)

    result = await kernel.execute("print('so far')\nwhile True: pass", limits=Limits(wall_s=4))

    assert (result.status, result.killed_by, result.state_lost) == ("timeout", "wall", False)
    assert result.stdout == "so far\n"
    assert "KeyboardInterrupt" in result.stderr
    assert (await kernel.execute("kept")).stdout == "'kept'\n"


@pytest.mark.slow
@by_each_backend(ENDLESS, sample=("swallows the interrupt", "stops its client", "prints without end"))
async def test_a_cell_that_will_not_end_costs_its_kernel_and_no_time(kernel: Kernel, source: str) -> None:
    await prepare(kernel)
    began = time.monotonic()

    result = await kernel.execute(source, limits=SHORT)

    assert time.monotonic() - began < 1 + LATEST_S + _NOISE_S
    assert (result.status, result.killed_by, result.state_lost) == ("timeout", "wall", True)
    assert await is_served(kernel)
    assert "NameError" in (await kernel.execute("kept")).stderr


@pytest.mark.slow
@by_each_backend(DEADLY, sample=("leaves", "kills its client"))
async def test_a_cell_that_ends_its_kernel_is_no_success(kernel: Kernel, source: str) -> None:
    await prepare(kernel)

    result = await kernel.execute(f"print('so far', flush=True)\n{source}")

    assert result.status in ("error", "killed")
    assert result.exit_code != 0
    assert result.state_lost
    assert "is gone" in result.stderr
    assert await is_served(kernel)


@pytest.mark.slow
async def test_the_exit_code_of_a_kernel_that_left_is_told(kernel: Kernel) -> None:
    await prepare(kernel)

    result = await kernel.execute("os._exit(3)")

    assert (result.status, result.exit_code) == ("error", 3)


@pytest.mark.slow
async def test_a_cell_may_end_its_kernel_in_words(kernel: Kernel) -> None:
    await prepare(kernel)

    result = await kernel.execute("exit()")

    assert (result.status, result.state_lost) == ("ok", True)
    assert "NameError" in (await kernel.execute("kept")).stderr


@pytest.mark.slow
async def test_a_cell_that_fills_memory_is_ended_and_says_so(kernel: Kernel) -> None:
    await prepare(kernel)

    result = await kernel.execute("hoard = []\nwhile True: hoard.append(b'x' * (1 << 24))", limits=PATIENT)

    assert (result.status, result.killed_by, result.state_lost) == ("oom", "memory", True)
    assert await is_served(kernel)


@pytest.mark.slow
@pytest.mark.parametrize(
    "source", ["while True: print('x' * 10_000)", "import os\nwhile True: os.write(1, b'x' * 65536)"]
)
async def test_a_flood_ends_its_cell_and_the_host_does_not_grow(kernel: Kernel, source: str) -> None:
    await prepare(kernel)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    result = await kernel.execute(source, limits=Limits(wall_s=300, output_bytes=400_000))

    assert (result.status, result.killed_by, result.truncated) == ("output_limit", "output", True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10  # KiB
    assert await is_served(kernel)


async def test_more_rich_outputs_than_a_result_holds_are_counted(kernel: Kernel) -> None:
    result = await kernel.execute(
        "from IPython.display import HTML, display\nfor n in range(1030): display(HTML(str(n)))"
    )

    assert (result.status, len(result.artifacts), result.artifacts_left_out) == ("ok", 1024, 6)


async def test_a_rich_output_that_is_too_large_is_counted(kernel: Kernel) -> None:
    result = await kernel.execute("from IPython.display import HTML\nHTML('x' * (17 << 20))")

    assert (result.status, result.artifacts, result.artifacts_left_out) == ("ok", (), 1)
    assert await is_served(kernel)


async def test_a_rich_output_of_no_type_is_counted_and_costs_no_kernel(kernel: Kernel) -> None:
    await prepare(kernel)

    result = await kernel.execute(
        "display({'text/plain': 'p', 'IMAGE/PNG': 'x', '../../x': 'x', 'text/\xe9': 'x', 'text/x': 'x'},"
        " raw=True)"
    )

    assert (result.status, result.stdout, result.artifacts_left_out) == ("ok", "p\n", 3)
    assert [item.content for item in result.artifacts] == [b"x"]
    assert (await kernel.execute("kept")).stdout == "'kept'\n"


async def test_what_a_thread_prints_between_cells_is_in_none(kernel: Kernel) -> None:
    await prepare(kernel)
    await kernel.execute(
        "import threading\ngone = threading.Event()\n"
        "def late():\n    time.sleep(0.1)\n    print('late' * 1_000_000, flush=True)\n"
        "    open('printed', 'w').close()\n    gone.set()\n"
        "threading.Thread(target=late, daemon=True).start()"
    )
    async with asyncio.timeout(60):
        while "printed" not in await kernel.sandbox.manifest():  # noqa: ASYNC110 - a file sends no event
            await asyncio.sleep(0.05)

    result = await kernel.execute("gone.wait(10); print('mine')")

    assert result.stdout == "mine\n"


async def test_processes_that_a_cell_leaves_behind_end_with_the_kernel(kernel: Kernel) -> None:
    await prepare(kernel)
    await kernel.execute("import subprocess\nchild = subprocess.Popen(['sleep', '1000'])")
    assert (await kernel.execute("child.poll() is None")).stdout == "True\n"

    await kernel.restart()

    result = await kernel.execute(
        "import glob\n"
        "[path for path in glob.glob('/proc/[0-9]*/cmdline') if b'sleep' in open(path, 'rb').read()]"
    )
    assert result.stdout == "[]\n"


@pytest.mark.slow
async def test_what_cells_plant_in_the_workspace_is_not_run_by_a_restart(kernel: Kernel) -> None:
    planted = b"import builtins, sys\nbuiltins.planted = True\n"
    places = (
        "ipykernel.py",
        "zmq.py",
        "sitecustomize.py",
        "usercustomize.py",
        "json.py",
        "IPython/__init__.py",
    )
    for path in (
        *places,
        ".ipython/profile_default/startup/00.py",
        ".ipython/profile_default/ipython_config.py",
    ):
        await kernel.sandbox.write(path, planted)

    await kernel.restart()
    await kernel.restart()

    result = await kernel.execute("import builtins\nhasattr(builtins, 'planted')")
    for path in (*places, ".ipython", "IPython"):
        await kernel.sandbox.remove(path)
    assert result.stdout == "False\n"


async def test_a_cell_that_is_cancelled_costs_its_kernel_and_the_next_one_is_told(kernel: Kernel) -> None:
    await prepare(kernel)
    heard = asyncio.Event()
    cell = asyncio.ensure_future(
        kernel.execute("print('begun', flush=True)\ntime.sleep(60)", on_output=lambda *_: heard.set())
    )
    await heard.wait()

    cell.cancel()

    with pytest.raises(asyncio.CancelledError):
        await cell
    result = await kernel.execute("'served'")
    assert (result.stdout, result.state_lost) == ("'served'\n", True)
    assert not (await kernel.execute("1")).state_lost


@pytest.mark.slow
async def test_a_listener_that_fails_fails_its_cell_alone(kernel: Kernel) -> None:
    def fail(stream: str, content: bytes) -> None:
        raise LookupError(stream)

    with pytest.raises(LookupError):
        await kernel.execute("print(1)", on_output=fail)

    assert await is_served(kernel)


async def test_a_cell_can_be_interrupted_by_hand(kernel: Kernel) -> None:
    await prepare(kernel)
    heard = asyncio.Event()
    cell = asyncio.ensure_future(
        kernel.execute("print('begun', flush=True)\ntime.sleep(60)", on_output=lambda *_: heard.set())
    )
    await heard.wait()

    await kernel.interrupt()

    result = await cell
    assert (result.status, result.state_lost) == ("error", False)
    assert "KeyboardInterrupt" in result.stderr


async def test_a_restart_ends_the_cell_that_runs(kernel: Kernel) -> None:
    await prepare(kernel)
    heard = asyncio.Event()
    cell = asyncio.ensure_future(
        kernel.execute("print('begun', flush=True)\ntime.sleep(60)", on_output=lambda *_: heard.set())
    )
    await heard.wait()

    await kernel.restart()

    result = await cell
    assert (result.status, result.killed_by, result.state_lost) == ("killed", "cancel", True)
    assert "NameError" in (await kernel.execute("kept")).stderr


async def test_cells_that_are_given_at_once_run_one_after_the_other(kernel: Kernel) -> None:
    await kernel.execute("import time\nseen = []")

    await asyncio.gather(*(kernel.execute(f"seen.append({n}); time.sleep(0.02)") for n in range(5)))

    assert (await kernel.execute("seen")).stdout == "[0, 1, 2, 3, 4]\n"
