"""Engines that see none of our folders, as Docker Desktop's: behind TCP in a mount namespace, and podman."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandbox import PythonCode, SandboxBroken
from sandbox.docker.open_docker import open_docker
from tests.disk_turn import writing_much
from tests.docker_engine import POLICY
from tests.docker_images import SMALL, require_small_image
from tests.faulty_endpoint import unused_port
from tests.internet import FETCH, Greeting, internet
from tests.processes import processes_with, wait_until

ROOMY = POLICY.model_copy(update={"image": SMALL, "wall_s": 60})
_START_S = 60.0
NAMED_URL, OTHER_URL = "http://example.org/", "http://evil.example/"


_RUNTIME = f"""\
#!{sys.executable}
import json, os, sys
if "create" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    with open(path) as file:
        config = json.load(file)
    limits = config["process"].pop("rlimits", [])
    config["process"]["rlimits"] = [limit for limit in limits if limit["type"] != "RLIMIT_NPROC"]
    with open(path, "w") as file:
        json.dump(config, file)
os.execvp("runc", ["runc", *sys.argv[1:]])
"""
"""A runtime without the limit that podman raises: a machine in a machine may lack the right to."""


@pytest.fixture
async def _small_image(docker_engine: None) -> None:
    await asyncio.to_thread(require_small_image)


@pytest.fixture
def place(_small_image: None) -> Iterator[Path]:
    with TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder:  # short: a socket's path
        yield Path(folder)


@pytest.fixture
def engine(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The pid of a second engine of Docker, which has our image; DOCKER_HOST names it."""
    url = f"tcp://127.0.0.1:{unused_port()}"
    folders = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
    options = [f"{name}={place / folder}" for name, folder in folders.items()]
    command = ["unshare", "--mount", "dockerd", *options, "-H", url, "--bridge=none", "--iptables=false"]
    with _serving(command, url, place) as process:
        monkeypatch.setenv("DOCKER_HOST", url)
        yield process.pid


@pytest.fixture
def podman(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Podman's service, which has our image; DOCKER_HOST names it."""
    url, runtime = f"unix://{place}/socket", place / "runtime"
    runtime.write_text(_RUNTIME)
    runtime.chmod(0o755)
    options = {"root": place / "root", "runroot": place / "run", "runtime": runtime, "storage-driver": "vfs"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = ["podman", *words, "--cgroup-manager", "cgroupfs", "system", "service", "--time", "0", url]
    with _serving(command, url, place):
        monkeypatch.setenv("DOCKER_HOST", url)
        yield


@contextmanager
def _serving(command: list[str], url: str, place: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an engine, and give it our image."""
    with (place / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            remote = {**os.environ, "DOCKER_HOST": url}
            deadline = time.monotonic() + _START_S
            while subprocess.run(["docker", "version"], env=remote, capture_output=True).returncode:
                assert time.monotonic() < deadline, (place / "log").read_text()[-2000:]
                time.sleep(0.2)
            saving = subprocess.Popen(["docker", "save", SMALL], stdout=subprocess.PIPE)
            with writing_much(), saving as saved:
                subprocess.run(["docker", "load", "--quiet"], stdin=saved.stdout, env=remote, check=True)
            yield process
        finally:
            process.terminate()
            process.wait()
            for pid in processes_with(str(place)):  # of a killed engine
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def check_uses() -> None:
    """Use what a model acts with: runs, files, a session, calls of programs, an entry, allowed hosts."""

    async def answer(request: bytes) -> bytes:
        name, arguments = json.loads(request)
        return json.dumps({"value": 2 * arguments["x"] if name else [["double", ["x"]]]}).encode()

    policy = ROOMY.model_copy(update={"network": ("example.org",)})
    with internet(Greeting) as outside:
        async with open_docker(policy, outside=outside) as box:
            fresh = await box.run(PythonCode(source="print(open('a').read())"), fresh=True, files={"a": b"1"})
            await box.write("given", b"2")
            async with box.session() as session:
                await session.serve(answer)
                command = await session.sh("cat given; echo 3 > made")
                called = await session.python("import tools; print(tools.double(x=21))")
                reached = [await session.python(FETCH.format(url=url)) for url in (NAMED_URL, OTHER_URL)]
                (change,) = (await session.changes()).changes
            entry = await box.start("process.echo", {"prefix": "4"})
            await entry.send(b"x")
            echoed = await entry.receive()
            await entry.finish()

    assert (fresh.stdout, command.output, called.output) == ("1\n", "2", "42\n")
    assert reached[0].output == "hello example.org/\n"
    assert reached[1].output.startswith("403 evil.example:80 is not among the hosts")
    assert (change.path, change.content, echoed) == ("made", b"3\n", b"4x")


@pytest.mark.slow
async def test_an_engine_that_sees_no_folder_of_ours_has_all_that_a_model_acts_with(engine: int) -> None:
    await check_uses()


@pytest.mark.slow
async def test_podman_has_all_that_a_model_acts_with_and_bounds_no_number_of_files(podman: None) -> None:
    await check_uses()

    async with open_docker(ROOMY) as box:
        kept = {one.guarantee: one.mechanism for one in box.capabilities()}
    assert [name for name, mechanism in kept.items() if mechanism is None] == ["files"]


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

        result = await asyncio.wait_for(command, 300)
        with pytest.raises(SandboxBroken):
            await session.sh("true")

    assert (result.status, result.state_lost) == ("killed", True)
    assert await asyncio.to_thread(wait_until, lambda: not processes_with(tag))
