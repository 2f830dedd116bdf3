"""A kernel in a session: state from cell to cell, interrupts, its end, and the pictures of a cell."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox import BackendMissing, Session, open_sandbox, session_policy
from sandbox.kernel.session_kernel import CellEnd, SessionKernel
from tests.sandbox.kernel.test_cells import PNG

POLICY = session_policy().model_copy(update={"kernel": True})
SHOW = f"from IPython.display import Image, display\nPNG = {PNG!r}\n"
DEAF = (
    "while True:\n    try:\n        import time; time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
)


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with open_sandbox(POLICY, backend="bubblewrap") as box, box.session(fresh=True) as opened:
        yield opened


@pytest.fixture
def kernel(session: Session) -> SessionKernel:
    return SessionKernel(session)


async def ran(kernel: SessionKernel, source: str, *, wall_s: float = 60) -> CellEnd:
    return await kernel.execute(source, wall_s=wall_s)


async def test_what_a_cell_defines_the_next_one_finds_beside_the_files_of_the_session(
    kernel: SessionKernel, session: Session
) -> None:
    await session.sh("echo 'half = 21' > parts.py")
    heard: list[bytes] = []

    await ran(kernel, "import parts")
    cell = await kernel.execute("print('x')\nparts.half * 2", wall_s=60, on_output=heard.append)

    assert (cell.result.exit_code, cell.result.output) == (0, "x\n42\n")
    assert b"".join(heard) == b"x\n42\n"
    assert not cell.lost


async def test_an_exception_and_an_exit_have_their_exit_codes(kernel: SessionKernel) -> None:
    failed, left = await ran(kernel, "1 / 0"), await ran(kernel, "raise SystemExit(7)")

    assert failed.result.exit_code == 1
    assert failed.result.output.rstrip().endswith("ZeroDivisionError: division by zero")
    assert (left.result.exit_code, left.lost) == (7, False)


async def test_a_cell_is_interrupted_at_its_time_and_its_kernel_goes_on(kernel: SessionKernel) -> None:
    late = await ran(kernel, "x = 5\nprint('begun')\nimport time; time.sleep(60)", wall_s=2)
    after = await ran(kernel, "x")

    assert late.result.killed_by == "wall"
    assert late.result.output.startswith("begun\n")
    assert "KeyboardInterrupt" in late.result.output
    assert (after.result.output, after.lost) == ("5\n", False)


@pytest.mark.slow
async def test_a_kernel_that_obeys_no_interrupt_ends_and_the_next_cell_gets_another(
    kernel: SessionKernel,
) -> None:
    late = await ran(kernel, DEAF, wall_s=1)
    waited = await ran(kernel, "1 + 1")
    after = await ran(kernel, "1 + 1")

    assert late.result.killed_by == "wall"
    assert waited.lost
    assert (after.result.output, after.lost) == ("2\n", False)


async def test_a_kernel_that_ends_within_a_cell_or_between_two_is_told(
    kernel: SessionKernel, session: Session
) -> None:
    await ran(kernel, "x = 1")
    ended = await ran(kernel, "import os; os._exit(3)")
    again = await ran(kernel, "x")
    await session.sh("pkill -KILL -f [k]ernel_service.serve; sleep 0.2")
    other = await ran(kernel, "1")

    assert (ended.lost, ended.result.exit_code) == (True, 1)
    assert not again.lost
    assert "NameError" in again.result.output
    assert (other.lost, other.result.output) == (True, "1\n")


async def test_a_cell_that_nobody_waits_for_is_interrupted(kernel: SessionKernel) -> None:
    await ran(kernel, "x = 1")
    waiting = asyncio.create_task(ran(kernel, "import time; time.sleep(60)"))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (await ran(kernel, "x", wall_s=20)).result.output == "1\n"


async def test_pictures_are_kept_as_files_that_a_line_names_and_can_be_had(
    kernel: SessionKernel, session: Session
) -> None:
    cell = await ran(kernel, f"{SHOW}print('a'); display(Image(PNG)); display(Image(PNG * 20_000)); 'b'")

    small, large = (line for line in cell.result.output.splitlines() if line.startswith("[picture "))
    assert small == "[picture image/png, 1 KiB, kept as /tmp/out/cell-1-1.png]"
    assert cell.result.output == f"a\n{small}\n{large}\n'b'\n"
    assert await kernel.pictures(cell.number, most=4, largest=1 << 20) == [PNG]
    assert await kernel.pictures(cell.number, most=4, largest=1 << 30) == [PNG]  # more than an output holds
    assert (await session.sh("head -c 4 /tmp/out/cell-1-1.png")).raw_output == PNG[:4]


@pytest.mark.slow
async def test_a_pipe_that_stands_for_a_picture_is_not_waited_for(kernel: SessionKernel) -> None:
    cell = await ran(kernel, f"import os; os.mkfifo('/tmp/out/cell-1-9.png')\n{SHOW}display(Image(PNG))")

    async with asyncio.timeout(30):
        assert await kernel.pictures(cell.number, most=4, largest=1 << 20) == [PNG]


async def test_a_session_without_ipykernel_says_so() -> None:
    policy = session_policy()
    words = "No kernel could be started in the session"
    async with open_sandbox(policy, backend="bubblewrap") as box, box.session(fresh=True) as bare:
        with pytest.raises(BackendMissing, match=words):
            await ran(SessionKernel(bare), "1")
