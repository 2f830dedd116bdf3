"""An engine behind TCP in a mount namespace of its own: it sees none of our folders, as Docker Desktop's."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandbox import PythonCode, SandboxBroken
from sandbox.docker.open_docker import open_docker
from tests.docker_engine import IMAGE, POLICY, require_docker
from tests.processes import processes_with, wait_until

ROOMY = POLICY.model_copy(update={"wall_s": 60})
_START_S = 60.0


@pytest.fixture
async def _docker() -> None:
    await require_docker()


@pytest.fixture
def engine(_docker: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The pid of a second engine, which has our image; DOCKER_HOST names it."""
    with TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder:  # short: a socket's path
        yield from _engine_in(Path(folder), monkeypatch)


def _engine_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
    options = [f"{name}={folder / place}" for name, place in folders.items()]
    place = f"tcp://127.0.0.1:{port}"
    command = ["unshare", "--mount", "dockerd", *options, "-H", place, "--bridge=none", "--iptables=false"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            remote = {**os.environ, "DOCKER_HOST": place}
            deadline = time.monotonic() + _START_S
            while subprocess.run(["docker", "version"], env=remote, capture_output=True).returncode:
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.2)
            with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as saved:
                subprocess.run(["docker", "load", "--quiet"], stdin=saved.stdout, env=remote, check=True)
            monkeypatch.setenv("DOCKER_HOST", place)
            yield process.pid
        finally:
            process.terminate()
            process.wait()
            for pid in processes_with(str(folder)):  # of a killed engine
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
async def test_an_engine_that_sees_no_folder_of_ours_has_runs_files_sessions_and_calls(engine: int) -> None:
    async def answer(request: bytes) -> bytes:
        name, arguments = json.loads(request)
        return json.dumps({"value": 2 * arguments["x"] if name else [["double", ["x"]]]}).encode()

    async with open_docker(ROOMY) as box:
        fresh = await box.run(PythonCode(source="print(open('a').read())"), fresh=True, files={"a": b"1"})
        await box.write("given", b"2")
        async with box.session() as session:
            await session.serve(answer)
            command = await session.sh("cat given; echo 3 > made")
            called = await session.python("import tools; print(tools.double(x=21))")
            (change,) = (await session.changes()).changes
        entry = await box.start("process.echo", {"prefix": "4"})
        await entry.send(b"x")
        echoed = await entry.receive()
        await entry.finish()

    assert (fresh.stdout, command.output, called.output) == ("1\n", "2", "42\n")
    assert (change.path, change.content, echoed) == ("made", b"3\n", b"4x")


@pytest.mark.slow
async def test_a_session_whose_engine_is_killed_says_so_and_its_programs_end_after_a_lease(
    engine: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.stream.link.LEASE_S", 6.0)
    tag = f"tag-{uuid.uuid4().hex}"
    async with open_docker(ROOMY) as box, box.session(fresh=True) as session:
        command = asyncio.ensure_future(session.sh(f"exec sh -c 'sleep 1000; true' {tag}", wall_s=1000))
        await session.sh("true")
        os.kill(engine, signal.SIGKILL)

        result = await asyncio.wait_for(command, 60)
        with pytest.raises(SandboxBroken):
            await session.sh("true")

    assert (result.status, result.state_lost) == ("killed", True)
    assert await asyncio.to_thread(wait_until, lambda: not processes_with(tag))
