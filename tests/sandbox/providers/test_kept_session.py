"""A kept session: its commands have two streams, its files are all that programs see, and nothing stays."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import SandboxBroken
from sandbox.providers.kept_session import KeptSession
from tests.processes import processes_with, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept() -> AsyncIterator[KeptSession]:
    opened = await KeptSession().open()
    yield opened
    await opened.close()


async def test_a_command_has_two_streams_and_a_shells_exit_code(kept: KeptSession) -> None:
    ended = await kept.execute(["sh", "-c", "cat; echo bad >&2; exit 3"], stdin=b"\xff\0\n")
    killed = await kept.execute(["sh", "-c", "kill -TERM $$"])
    missing = await kept.execute(["no-such-program"])

    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, b"\xff\0\n", b"bad\n")
    assert killed.exit_code == 143
    assert (missing.exit_code, missing.stdout) == (127, b"")
    assert b"no-such-program" in missing.stderr


async def test_a_command_runs_in_its_folder_with_its_variables(kept: KeptSession) -> None:
    show = ["sh", "-c", "pwd; echo $SHOWN"]

    below = await kept.execute(["sh", "-c", "mkdir -p 'a b'; cd 'a b'; pwd"])
    relative = await kept.execute(show, cwd="a b", environment={"SHOWN": "it's $HOME"})
    absolute = await kept.execute(show, cwd="/usr/bin")
    missing = await kept.execute(show, cwd="nowhere")

    assert relative.stdout == below.stdout + b"it's $HOME\n"
    assert absolute.stdout == b"/usr/bin\n\n"
    assert missing.exit_code != 0
    assert missing.stdout == b""


async def test_arguments_longer_than_one_message_arrive(kept: KeptSession) -> None:
    words = ["'" * 100_000 for _ in range(10)]

    ended = await kept.execute(["printf", "%s", *words])

    assert ended.stdout == b"'" * 1_000_000


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_a_stream_longer_than_asked_for_is_cut_and_says_so(kept: KeptSession, stream: str) -> None:
    ended = await kept.execute(["sh", "-c", f"yes | head -c 5000 >&{stream}"], most_bytes=1000)

    assert ended.too_long
    assert len(ended.stdout + ended.stderr) == 1000


async def test_files_anywhere_are_read_and_written_as_programs_could(kept: KeptSession) -> None:
    await kept.write("/tmp/deep/er/-x y", b"\xc3\x28")
    await kept.write("in/workspace", b"12345")
    await kept.write("/tmp/closed", b"")
    await kept.execute(["chmod", "0", "/tmp/closed"])

    assert await kept.read("/tmp/deep/er/-x y", most_bytes=9) == b"\xc3\x28"
    assert await kept.read("in/workspace", most_bytes=3) == b"1234"
    assert (await kept.execute(["cat", "in/workspace"])).stdout == b"12345"
    for path, error in (
        ("nowhere", FileNotFoundError),
        ("nul\0", FileNotFoundError),
        ("in", IsADirectoryError),
        ("/tmp/closed", PermissionError),
    ):
        with pytest.raises(error):
            await kept.read(path, most_bytes=9)
    for path, error in (
        ("in", IsADirectoryError),
        ("/tmp/closed", PermissionError),
        ("/usr/x", PermissionError),
    ):
        with pytest.raises(error):
            await kept.write(path, b"x")


async def test_a_file_of_several_pieces_is_read_whole(kept: KeptSession) -> None:
    content = bytes(range(256)) * (9 << 12)

    await kept.write("large", content)

    assert await kept.read("large", most_bytes=len(content)) == content


async def test_a_command_past_its_deadline_is_killed_with_its_children(kept: KeptSession) -> None:
    script = "sleep 31561 & sleep 31561"

    with pytest.raises(TimeoutError):
        await kept.execute(["sh", "-c", script], wall_s=0.5)

    assert wait_until(lambda: not processes_with("31561"))


async def test_a_cancelled_command_leaves_no_process_and_the_next_one_runs(kept: KeptSession) -> None:
    call = asyncio.create_task(kept.execute(["sleep", "31562"]))
    while not processes_with("31562"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert wait_until(lambda: not processes_with("31562"))
    assert (await kept.execute(["echo", "next"])).stdout == b"next\n"


async def test_another_task_closes_it_and_nothing_that_it_ran_lives_on() -> None:
    kept = await asyncio.create_task(KeptSession().open())
    await kept.execute(["sh", "-c", "sleep 31563 > /dev/null 2>&1 &"])
    assert processes_with("31563")

    await asyncio.create_task(kept.close())

    assert wait_until(lambda: not processes_with("31563"))
    with pytest.raises(SandboxBroken):
        await kept.execute(["true"])


async def test_a_cancelled_opening_leaves_no_sandbox() -> None:
    kept = KeptSession()
    opening = asyncio.create_task(kept.open())
    for _ in range(20):  # it has begun, and a process takes longer
        await asyncio.sleep(0)

    opening.cancel()

    with pytest.raises(asyncio.CancelledError):
        await opening
    assert kept._keeper is not None
    assert kept._keeper.done()


async def test_a_backend_that_there_isnt_is_named() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        await KeptSession(backend="nowhere").open()


@pytest.mark.slow
async def test_a_pipe_that_a_program_has_left_for_later_commands_holds_none_up(kept: KeptSession) -> None:
    await kept.execute(["sh", "-c", "for n in $(seq 300); do mkfifo /tmp/.stderr-$n /tmp/.script-$n; done"])

    ended = await kept.execute(["sh", "-c", "echo bad >&2"], wall_s=10)
    long = await kept.execute(["echo", *["x" * 1000] * 200], wall_s=10)
    await kept.execute(["sh", "-c", "rm -f /tmp/.stderr-* /tmp/.script-*"])

    assert (ended.exit_code, ended.stderr) == (0, b"bad\n")
    assert (long.exit_code, len(long.stdout)) == (0, 200 * 1001)


async def test_a_call_on_another_event_loop_is_refused_at_once(kept: KeptSession) -> None:
    def elsewhere() -> None:
        asyncio.run(kept.execute(("true",)))

    with pytest.raises(RuntimeError, match="opened on another event loop"):
        await asyncio.to_thread(elsewhere)

    assert (await kept.execute(("true",))).exit_code == 0


async def test_code_without_an_event_loop_takes_the_session_for_that_of_another_thread(
    kept: KeptSession,
) -> None:
    session = await asyncio.to_thread(lambda: kept.session)

    assert session is kept.session
