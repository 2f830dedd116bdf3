"""Sessions on Docker where they differ from others: a container for each, and a copy of the workspace."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox import BackendMissing, PythonCode, SandboxBroken
from sandbox.backends.reap import reap_leftovers
from sandbox.docker.docker_sandbox import DockerSandbox
from sandbox.docker.open_docker import open_docker
from sandbox.supervisor.owner import this_process
from tests.docker_engine import (
    IMAGE,
    POLICY,
    containers,
    line,
    require_docker,
    start_and_kill,
    wait_until_none_of,
)
from tests.ordinary_user import REPOSITORY, run_as_ordinary_user
from tests.processes import wait_until

ROOMY = POLICY.model_copy(update={"wall_s": 60})


@pytest.fixture(autouse=True)
async def _docker() -> None:
    await require_docker()


@pytest.fixture
async def box() -> AsyncIterator[DockerSandbox]:
    async with open_docker(ROOMY) as opened:
        yield opened


@pytest.mark.slow
async def test_a_session_works_on_a_copy_that_is_brought_back_when_it_is_over(box: DockerSandbox) -> None:
    await box.lay({"kept": b"1", "gone": b"2", "run.sh": b"#!/bin/sh\necho ran\n"})
    async with box.session() as session:
        ran = await session.sh("rm gone; ./run.sh; echo 3 > made")
        meanwhile = await box.manifest()

    after = await box.run(PythonCode(source="import os; print(sorted(os.listdir()), open('made').read())"))

    assert ran.output == "ran\n"
    assert sorted(meanwhile) == ["gone", "kept", "run.sh"]
    assert after.stdout == "['kept', 'made', 'run.sh'] 3\n\n"


@pytest.mark.slow
async def test_what_a_session_made_is_there_for_the_next_one(box: DockerSandbox) -> None:
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
async def test_each_session_has_a_container_that_goes_with_it(box: DockerSandbox) -> None:
    before = await containers(this_process().mark)
    async with box.session(fresh=True), box.session(fresh=True):
        assert len(await containers(this_process().mark)) == len(before) + 2

    assert await wait_until_none_of(this_process().mark, seconds=30, but=before) == []


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
async def test_opening_a_session_can_be_cancelled_at_any_moment(box: DockerSandbox) -> None:
    for delay in (0.0, 0.1, 0.2, 0.3, 0.4):
        opening = asyncio.ensure_future(_open_for_ever(box))
        await asyncio.sleep(delay)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    async with box.session(fresh=True) as session:
        assert (await session.sh("echo fine")).output == "fine\n"


async def _open_for_ever(box: DockerSandbox) -> None:
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


_KILLED = """
import asyncio, os, signal, sys, tempfile
from sandbox.docker.open_docker import open_docker
from tests.docker_engine import POLICY
async def main():
    async with open_docker(POLICY, without=frozenset(sys.argv[1:])) as box:
        opening = asyncio.create_task(box.session(fresh=True).__aenter__())
        while not os.listdir(tempfile.gettempdir()):
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("without", [(), ("keeper",)], ids=["with-keeper", "reaped"])
def test_an_owner_that_is_killed_while_it_opens_a_session_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, *without],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr

    if without:
        assert os.listdir(tmp_path) != []
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        reap_leftovers()

    assert wait_until(lambda: os.listdir(tmp_path) == [])


@pytest.mark.slow
async def test_an_ordinary_user_of_the_engine_has_sessions_and_owns_what_they_make() -> None:
    script = f"""
import asyncio, os
from sandbox import Policy
from sandbox.docker.open_docker import open_docker
async def main():
    async with open_docker(Policy(wall_s=60, image={IMAGE!r})) as box:
        await box.write("given", b"1")
        async with box.session() as session:
            ids = (await session.sh("id -u; id -g")).output.split()
            print(ids == [str(os.getuid()), str(os.getgid())], (await session.sh("cat given")).output)
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

    told = ["True 1", "[b'2', b'2']", "oom", "()", "b'2'", ""]
    assert ended.stdout.split("\n") == told, ended.stderr[-2000:]


@pytest.mark.slow
async def test_a_session_goes_on_where_the_engine_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        line(tmp_path, monkeypatch) as own,
        open_docker(ROOMY) as box,
        box.session(fresh=True) as session,
    ):
        await own.cut()
        result = await session.sh("echo still here")

    assert result.output == "still here\n"


@pytest.mark.slow
async def test_an_engine_on_another_machine_has_no_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_pass_on, args=(server,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        async with open_docker(ROOMY) as box:
            with pytest.raises(BackendMissing, match="an engine of this machine"):
                await box.session().__aenter__()


@pytest.mark.slow
async def test_an_engine_that_sees_other_folders_has_no_sessions(tmp_path: Path) -> None:
    script = f"""
import asyncio
from sandbox import BackendMissing, Policy
from sandbox.docker.open_docker import open_docker
async def main():
    async with open_docker(Policy(image={IMAGE!r})) as box:
        try:
            async with box.session():
                print("opened")
        except BackendMissing as error:
            print(error)
asyncio.run(main())
"""
    hidden = ["unshare", "--map-current-user", "--mount", "--keep-caps", "sh", "-c"]
    command = [*hidden, 'mount -t tmpfs none "$TMPDIR" && exec "$@"', "sh", sys.executable, "-c", script]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    said = await asyncio.to_thread(
        subprocess.check_output, command, cwd=REPOSITORY, env=environment, text=True
    )

    assert "an engine of this machine" in said


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
