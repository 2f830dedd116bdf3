"""Sessions on Docker where they differ from others: containers, and engines of other machines."""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox import PythonCode, SandboxBroken
from sandbox.docker.open_docker import open_docker
from sandbox.stream.stream_sandbox import StreamSandbox
from sandbox.supervisor.owner import this_process
from tests.docker_engine import (
    IMAGE,
    POLICY,
    containers,
    line,
    start_and_kill,
    wait_until_none_of,
)
from tests.ordinary_user import run_as_ordinary_user

pytestmark = pytest.mark.usefixtures("docker_engine")
ROOMY = POLICY.model_copy(update={"wall_s": 60})


@pytest.fixture
async def box() -> AsyncIterator[StreamSandbox]:
    async with open_docker(ROOMY) as opened:
        yield opened


@pytest.mark.slow
async def test_a_session_works_in_the_workspace_of_runs(box: StreamSandbox) -> None:
    await box.lay({"kept": b"1", "gone": b"2", "run.sh": b"#!/bin/sh\necho ran\n"})
    async with box.session() as session:
        ran = await session.sh("rm gone; ./run.sh; echo 3 > made")
        meanwhile = await box.manifest()
        beside = await box.run(PythonCode(source="print(open('made').read())"))

    after = await box.run(PythonCode(source="import os; print(sorted(os.listdir()))"))

    assert ran.output == "ran\n"
    assert sorted(meanwhile) == ["kept", "made", "run.sh"]
    assert beside.stdout == "3\n\n"
    assert after.stdout == "['kept', 'made', 'run.sh']\n"


@pytest.mark.slow
async def test_what_a_session_made_is_there_for_the_next_one(box: StreamSandbox) -> None:
    async with box.session() as session:
        await session.sh("echo 1 > made")
    async with box.session() as session:
        result = await session.sh("cat made")

    assert result.output == "1\n"


@pytest.mark.slow
async def test_a_session_that_could_not_be_filled_leaves_the_workspace_as_it_was() -> None:
    small = ROOMY.model_copy(update={"disk_mb": 1})
    async with open_docker(small) as box:
        await box.write("kept", b"1")
        with pytest.raises(ValueError, match="Only a fresh session"):
            box.session(files={"a": b"1"})
        async with box.session() as session:
            full = await session.sh("head -c 4000000 /dev/zero > full")

        assert "No space left" in full.output
        assert await box.read("kept") == b"1"


@pytest.mark.slow
async def test_each_session_has_a_container_that_goes_with_it(box: StreamSandbox) -> None:
    async with box.session(fresh=True) as first, box.session(fresh=True) as second:
        await first.sh("touch /tmp/seen")
        beside = await second.sh("ls /tmp/seen")
        used = await containers(this_process().mark)

    assert beside.exit_code == 2
    spares = [name for name in await containers(this_process().mark) if name not in used]
    async with asyncio.timeout(300):  # the place of the first session alone may have been a spare's
        while len({*await containers(this_process().mark)} - {*spares}) > 1:  # noqa: ASYNC110 - an engine tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_closing_the_sandbox_ends_its_sessions() -> None:
    async with open_docker(ROOMY) as box:
        async with box.session() as session:
            command = asyncio.ensure_future(session.sh("sleep 1000"))
            await session.sh("true")
            await box.close()
            result = await command
            with pytest.raises(SandboxBroken):
                await session.sh("true")
        with pytest.raises(SandboxBroken):
            async with box.session(fresh=True):
                pass

    assert (result.status, result.state_lost) == ("killed", True)
    assert await containers(this_process().mark) == []


@pytest.mark.slow
async def test_opening_a_session_can_be_cancelled_at_any_moment(box: StreamSandbox) -> None:
    for delay in (0.0, 0.1, 0.2, 0.3, 0.4):
        opening = asyncio.ensure_future(_open_for_ever(box))
        await asyncio.sleep(delay)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    async with box.session(fresh=True) as session:
        assert (await session.sh("echo fine")).output == "fine\n"


async def _open_for_ever(box: StreamSandbox) -> None:
    async with box.session(fresh=True):
        await asyncio.Event().wait()


_OWNER = """
import asyncio
from sandbox.docker.open_docker import open_docker
from sandbox.supervisor.owner import this_process
from tests.docker_engine import POLICY
async def main():
    async with open_docker(POLICY, without=frozenset({"keeper"})) as box, box.session(fresh=True) as session:
        print(this_process().mark, flush=True)
        await session.sh("sleep 1000", wall_s=1000)
asyncio.run(main())
"""


@pytest.mark.slow
async def test_an_owner_that_is_killed_leaves_no_container_of_a_session() -> None:
    mark = await asyncio.to_thread(start_and_kill, [sys.executable, "-c", _OWNER])

    assert await wait_until_none_of(mark, seconds=60) == []


@pytest.mark.slow
async def test_an_ordinary_user_of_the_engine_has_sessions() -> None:
    script = f"""
import asyncio
from sandbox import Policy
from sandbox.docker.open_docker import open_docker
async def main():
    async with open_docker(Policy(wall_s=60, image={IMAGE!r})) as box:
        await box.write("given", b"1")
        async with box.session() as session:
            print((await session.sh("id -u; cat given")).output)
            await session.write("folder/written", b"2")
            await session.sh("umask 077; cp folder/written made; kill -9 1; cat /proc/1/environ")
            print([one.content for one in (await session.changes()).changes])
            print((await session.python("x = b'x' * (900 << 20)")).status)
            print((await session.sh("sleep 1000 & sleep 1000", wall_s=0.5)).still_running)
        print(await box.read("made"))
asyncio.run(main())
"""
    ended = await asyncio.to_thread(
        run_as_ordinary_user, script, timeout_s=200, groups=[os.stat("/var/run/docker.sock").st_gid]
    )

    expected_lines = ["65534", "1", "[b'2', b'2']", "oom", "()", "b'2'", ""]
    assert ended.stdout.split("\n") == expected_lines, ended.stderr[-2000:]


@pytest.mark.slow
async def test_a_session_whose_engine_dies_says_that_its_state_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        line(tmp_path, monkeypatch) as own,
        open_docker(ROOMY) as box,
        box.session(fresh=True) as session,
    ):
        command = asyncio.ensure_future(session.sh("sleep 1000", wall_s=1000))
        await session.sh("true")
        await own.cut()
        result = await command
        with pytest.raises(SandboxBroken):
            await session.sh("true")

    assert (result.status, result.state_lost) == ("killed", True)
    assert await wait_until_none_of(this_process().mark, seconds=60) == []


@pytest.mark.slow
async def test_an_engine_behind_tcp_has_runs_files_and_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_pass_on, args=(server,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        async with open_docker(ROOMY) as box, box.session() as session:
            await session.write("given", b"1")
            result = await session.sh("cat given; echo 2 > made")
            (change, _) = (await session.changes()).changes

    assert (result.output, change.path) == ("1", "given")


def _pass_on(server: socket.socket) -> None:
    """Be an engine behind TCP."""

    def move(source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(1 << 16):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        engine = socket.socket(socket.AF_UNIX)
        engine.connect("/var/run/docker.sock")
        for pair in ((client, engine), (engine, client)):
            threading.Thread(target=move, args=pair, daemon=True).start()
