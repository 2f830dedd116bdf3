"""The Docker backend where it differs from others: containers, their limits, and what goes wrong there."""

import asyncio
import dataclasses
import io
import os
import signal
import subprocess
import sys
import tarfile
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox import BackendMissing, Command, Limits, Policy, PythonCode, SandboxBroken
from sandbox.docker.engine import connect, find_image
from sandbox.docker.labels import OWNER, labels, reap_engine, remove_all_of
from sandbox.docker.open_docker import open_docker
from sandbox.stream.stream_sandbox import StreamSandbox
from sandbox.supervisor.owner import this_process
from tests.docker_engine import (
    FOREVER,
    IMAGE,
    POLICY,
    containers,
    line,
    remove_containers,
    turn_to_reap,
    wait_until_none_of,
)
from tests.less_python import run_without
from tests.ordinary_user import REPOSITORY, run_as_ordinary_user

pytestmark = pytest.mark.usefixtures("docker_engine")
PATIENCE_S = 60
"""Until what ends by itself is gone, on a busy machine too."""


@pytest.fixture
async def box() -> AsyncIterator[StreamSandbox]:
    async with open_docker(POLICY) as opened:
        yield opened


@pytest.mark.slow
async def test_nothing_is_left_on_the_engine_after_a_sandbox() -> None:
    async with open_docker(POLICY) as box:
        await asyncio.gather(*(box.run(PythonCode(source="print(1)"), fresh=True) for _ in range(2)))
        assert await containers(this_process().mark)

    assert await containers(this_process().mark) == []


@pytest.mark.slow
async def test_what_lies_in_the_workspace_leaves_a_run_its_memory() -> None:
    async with open_docker(POLICY.model_copy(update={"memory_mb": 128})) as box:
        filled = await box.run(PythonCode(source="open('big', 'wb').write(bytes(100 << 20))"))

        result = await box.run(PythonCode(source="x = b'x' * (90 << 20); print('had it')"))

    assert filled.ok
    assert result.stdout == "had it\n", result


@pytest.mark.slow
async def test_two_hundred_fresh_runs_at_once_all_end_and_never_have_many_containers() -> None:
    most = 0
    async with open_docker(POLICY) as box:
        runs = [
            asyncio.create_task(box.run(PythonCode(source=f"print({i})"), fresh=True)) for i in range(200)
        ]
        while not runs[7].done():
            most = max(most, len(await containers(this_process().mark)))
            await asyncio.sleep(0.05)  # a container lives longer
        for run in runs[16:]:
            run.cancel()
        results = await asyncio.gather(*runs[:16])

    assert [result.stdout for result in results] == [f"{i}\n" for i in range(16)]
    assert most <= 9
    assert await containers(this_process().mark) == []


@pytest.mark.slow
async def test_no_descriptor_is_left_open_by_a_sandbox() -> None:
    await containers()  # the SDK keeps a few of its own
    before = len(os.listdir("/proc/self/fd"))

    async with open_docker(POLICY) as box:
        await box.run(PythonCode(source="open('x', 'w')"), fresh=True)
        await box.run(PythonCode(source="print(1)"))
        await (await box.start("process.echo", {})).finish()

    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.slow
async def test_opening_can_be_cancelled_at_any_moment() -> None:
    async def open_and_close() -> None:
        async with open_docker(POLICY):
            await asyncio.sleep(60)

    for delay in (0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3):
        opening = asyncio.create_task(open_and_close())
        await asyncio.wait([opening], timeout=delay)
        opening.cancel()
        await asyncio.wait([opening])

    assert await containers(this_process().mark) == []


@pytest.mark.slow
async def test_closing_can_be_cancelled_at_any_moment_and_ends_all_the_same() -> None:
    async def use(used: asyncio.Event) -> None:
        async with open_docker(POLICY) as box:
            await asyncio.gather(*(box.run(PythonCode(source="print(1)"), fresh=True) for _ in range(2)))
            used.set()

    for delay in (0, 0.02, 0.1):
        used = asyncio.Event()
        task = asyncio.create_task(use(used))
        await used.wait()
        await asyncio.sleep(delay)  # anywhere in the middle

        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)

        with suppress(asyncio.CancelledError):
            await task
        assert await containers(this_process().mark) == []


async def test_a_missing_image_says_how_to_build_it() -> None:
    with pytest.raises(BackendMissing, match="coder sandbox build --tag no-such-image:1"):
        async with open_docker(Policy(image="no-such-image:1")):
            pass


async def test_an_image_without_python_says_what_it_lacks() -> None:
    name = _import_empty_image()
    try:
        with pytest.raises(BackendMissing, match="no python3 on its PATH"):
            async with open_docker(Policy(image=name)):
                pass
    finally:
        _remove_image(name)


@pytest.mark.slow
async def test_a_user_who_may_not_talk_to_the_engine_is_told() -> None:
    script = """
import asyncio
from sandbox import BackendMissing, open_sandbox
async def main():
    try:
        async with open_sandbox(backend="docker"):
            print("opened")
    except BackendMissing as error:
        print(error)
asyncio.run(main())
"""
    ended = await asyncio.to_thread(run_as_ordinary_user, script, timeout_s=300)

    assert "may not talk to the Docker engine" in ended.stdout, ended.stderr


@pytest.mark.slow
async def test_closing_ends_runs_that_are_at_work() -> None:
    printing = asyncio.Event()
    opening = open_docker(POLICY)
    box = await opening.__aenter__()
    runs = [
        asyncio.create_task(box.run(FOREVER, on_output=lambda *_: printing.set())),
        asyncio.create_task(box.run(FOREVER)),
        asyncio.create_task(box.run(FOREVER, fresh=True)),
    ]
    entry = await box.start("process.echo", {})
    await printing.wait()

    await opening.__aexit__(None, None, None)

    for run in runs:
        with pytest.raises(SandboxBroken):
            await run
    assert await entry.receive() is None
    assert await containers(this_process().mark) == []


async def test_an_unknown_runtime_is_an_error_that_names_it() -> None:
    with pytest.raises(SandboxBroken, match="no-such-runtime"):
        async with open_docker(POLICY.model_copy(update={"runtime": "no-such-runtime"})):
            pass

    assert await containers(this_process().mark) == []


_OPENED = """
import asyncio
from sandbox import BackendMissing, Policy
from sandbox.docker.open_docker import open_docker
async def main():
    async with open_docker(Policy()):
        pass
try:
    asyncio.run(main())
except BackendMissing as error:
    print(error)
"""


def test_without_its_package_the_backend_says_how_to_get_it(tmp_path: Path) -> None:
    done = run_without("docker", _OPENED, tmp_path)

    assert done.stdout.endswith(f"Install it with: {sys.executable} -m pip install docker\n"), done.stderr


async def test_an_engine_that_is_not_there_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")

    with pytest.raises(BackendMissing, match=r"docker\.sock \(No such file or directory\)\. .* DOCKER_HOST"):
        async with open_docker(POLICY):
            pass


async def test_an_engine_is_not_asked_for_its_version_which_it_starts_programs_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line(tmp_path, monkeypatch) as through:
        through.swallow(b"/version ")
        engine = await asyncio.wait_for(connect(), 300)

        await find_image(engine, IMAGE)

        engine.close()
    assert not through.swallowed.is_set()


@pytest.mark.slow
async def test_an_engine_that_dies_ends_its_runs_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("docker.engine._ANSWER_S", "stream.stream_files._ANSWER_S", "stream.execution._END_S"):
        monkeypatch.setattr(f"sandbox.{patience}", 1000)  # longer than a test may take
    async with line(tmp_path, monkeypatch) as engine:
        opening = open_docker(POLICY.model_copy(update={"wall_s": 300}))
        box = await opening.__aenter__()
        printing = asyncio.Semaphore(0)
        runs: list[asyncio.Task[Any]] = [
            asyncio.create_task(box.run(FOREVER, on_output=lambda *_: printing.release(), fresh=fresh))
            for fresh in (False, True)
        ]
        for _ in runs:
            await printing.acquire()

        await engine.cut()

        for run in runs:
            with pytest.raises(SandboxBroken):
                await run
        with pytest.raises(SandboxBroken):
            await box.run(FOREVER)
        with pytest.raises(SandboxBroken):
            await box.read("x")
        await opening.__aexit__(None, None, None)
    assert await wait_until_none_of(this_process().mark, seconds=PATIENCE_S) == []


@pytest.mark.slow
async def test_an_engine_that_falls_silent_does_not_hold_up_a_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("docker.engine._ANSWER_S", "stream.stream_files._ANSWER_S", "stream.execution._END_S"):
        monkeypatch.setattr(f"sandbox.{patience}", 1000)  # longer than a test may take
    async with line(tmp_path, monkeypatch) as engine, open_docker(POLICY) as box:
        result = await box.run(FOREVER, limits=Limits(wall_s=1), on_output=lambda *_: engine.silence())

        assert (result.status, result.stdout) == ("timeout", "on\n")
        await engine.cut()
    assert await wait_until_none_of(this_process().mark, seconds=PATIENCE_S) == []


@pytest.mark.slow
async def test_a_sandbox_whose_engine_fell_silent_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.docker.engine._ANSWER_S", 15)
    async with line(tmp_path, monkeypatch) as engine, open_docker(POLICY) as box:
        monkeypatch.setattr("sandbox.stream.execution._END_S", 0.1)
        await box.run(FOREVER, limits=Limits(wall_s=1), on_output=lambda *_: engine.silence())

        with pytest.raises(SandboxBroken):
            await box.run(FOREVER)
    assert await wait_until_none_of(this_process().mark, seconds=PATIENCE_S) == []


@pytest.mark.slow
async def test_what_a_busy_engine_holds_back_of_a_program_that_has_ended_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line(tmp_path, monkeypatch) as engine, open_docker(POLICY) as box:
        engine.hold_back(b"late words", seconds=1.0)

        result = await box.run(PythonCode(source="print('late', 'words')"), limits=Limits(wall_s=60))

        assert (result.status, result.stdout) == ("ok", "late words\n")


@pytest.mark.slow
async def test_a_container_that_answers_late_costs_a_result_no_time_and_the_sandbox_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sandbox.stream.execution._END_S", 1000)  # longer than a test may take
    client = docker.from_env()
    async with open_docker(POLICY) as box:
        await box.write("kept.txt", b"kept")
        (name,) = await containers(this_process().mark)
        try:
            # Not `pause`: runc can't freeze a container whose processes begin and end ("unable to freeze").
            result = await box.run(
                FOREVER,
                limits=Limits(wall_s=1),
                on_output=lambda *_: client.api.kill(name.lstrip("/"), "SIGSTOP"),
            )
        finally:
            client.api.kill(name.lstrip("/"), "SIGCONT")
            client.close()

        assert (result.status, result.stdout) == ("timeout", "on\n")
        processes = Command(argv=("sh", "-c", "cat kept.txt; set -- /proc/[0-9]*; echo $#"))
        assert (await box.run(processes)).stdout == "kept4\n"  # the agent's three, and the shell


_OWNER = """
import asyncio, sys
from sandbox import PythonCode
from sandbox.docker.open_docker import open_docker
from sandbox.supervisor.owner import this_process
from tests.docker_engine import POLICY
print(this_process().mark, flush=True)
async def main():
    async with open_docker(POLICY, without=frozenset(sys.argv[1:])) as box:
        forever = PythonCode(source="import time; time.sleep(600)")
        await asyncio.gather(box.run(forever), box.run(forever, fresh=True))
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0])
async def test_an_owner_that_is_killed_leaves_no_container(delay: float) -> None:
    """From the moment that it has loaded all, until its programs run."""
    with _owner() as owner:
        mark = await asyncio.to_thread(owner.stdout.readline)  # type: ignore[union-attr]
        await asyncio.sleep(delay)
        owner.kill()

    assert await wait_until_none_of(mark.strip(), seconds=PATIENCE_S) == []


@pytest.mark.slow
@pytest.mark.parametrize("without", ["", "keeper"])
async def test_an_owner_that_is_killed_before_its_container_starts_needs_the_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    with turn_to_reap():
        async with line(tmp_path, monkeypatch) as engine:
            engine.swallow(b"/start ")
            with _owner(without) as owner:
                mark = (await asyncio.to_thread(owner.stdout.readline)).strip()  # type: ignore[union-attr]
                await engine.swallowed.wait()
                owner.kill()

            leftovers = await wait_until_none_of(mark, seconds=5 if without else PATIENCE_S)

        assert len(leftovers) == (1 if without else 0)
        assert {f"container {name.lstrip('/')}" for name in leftovers} <= set(await reap_engine())
        assert await containers(mark) == []


_QUIET = """
import asyncio
from sandbox import PythonCode
from sandbox.stream import link
from sandbox.docker.open_docker import open_docker
from sandbox.supervisor.owner import this_process
from tests.docker_engine import POLICY
link.LEASE_S = 2.0
async def main():
    async with open_docker(POLICY) as box:
        print(this_process().mark, flush=True)
        await box.run(PythonCode(source="import time; time.sleep(600)"))
asyncio.run(main())
"""


@pytest.mark.slow
async def test_an_owner_that_is_not_heard_of_for_a_lease_loses_its_container() -> None:
    """It lives, and so does its line to pid 1; but nothing comes over it."""
    with _owner(script=_QUIET) as owner:
        mark = await asyncio.to_thread(owner.stdout.readline)  # type: ignore[union-attr]
        owner.send_signal(signal.SIGSTOP)

        leftovers = await wait_until_none_of(mark.strip(), seconds=PATIENCE_S)

        owner.kill()
    assert leftovers == []


async def test_reaping_removes_what_a_dead_owner_left_and_nothing_else(box: StreamSandbox) -> None:
    me = this_process()
    dead = dataclasses.replace(me, start_ticks=me.start_ticks + 1).mark
    elsewhere = dataclasses.replace(me, boot="00000000", pid=1).mark
    container_names: list[str] = []
    try:
        with turn_to_reap():
            container_names += [_create(labels() | {OWNER: owner}) for owner in (dead, elsewhere)]
            reaped = await reap_engine()

        assert f"container {container_names[0]}" in reaped
        assert f"container {container_names[1]}" not in reaped
        assert await containers(dead) == []
        assert len(await containers(elsewhere)) == 1
        assert (await box.run(PythonCode(source="print('alive')"))).stdout == "alive\n"
    finally:
        await remove_containers(container_names)


async def test_networks_and_volumes_of_a_dead_owner_are_removed_with_its_containers() -> None:
    me = this_process()
    dead = dataclasses.replace(me, start_ticks=me.start_ticks + 1).mark
    client = docker.from_env()
    name = f"coder-test-{uuid.uuid4().hex[:8]}"

    def make(owner: str) -> None:
        client.networks.create(name, internal=True, labels=labels() | {OWNER: owner})
        client.volumes.create(name, labels=labels() | {OWNER: owner})
        client.containers.create(
            IMAGE, ["true"], network=name, volumes=[f"{name}:/data"], labels=labels() | {OWNER: owner}
        )

    try:
        with turn_to_reap():
            make(dead)
            reaped = await reap_engine()
            make(dead)
            await asyncio.to_thread(remove_all_of, dead)
            leftovers = [*client.networks.list(names=[name]), *client.volumes.list(filters={"name": name})]

        assert {f"network {name}", f"volume {name}"} <= {*reaped}
        assert leftovers == []
    finally:
        client.close()


@pytest.mark.slow
async def test_a_container_that_cannot_be_removed_does_not_keep_the_others_of_a_dead_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.docker.engine._ANSWER_S", 1)
    monkeypatch.setattr("sandbox.docker.labels._TRIES", 2)
    owner = uuid.uuid4().hex
    container_names = [_create(labels() | {OWNER: owner}) for _ in range(2)]
    client = docker.from_env()
    try:
        first = client.api.containers(all=True, filters={"label": f"{OWNER}={owner}"})[0]
        async with line(tmp_path, monkeypatch) as engine:
            engine.swallow(f"/{first['Id']}?".encode())
            await asyncio.to_thread(remove_all_of, owner)

        assert await containers(owner) == first["Names"]
    finally:
        client.close()
        await remove_containers(container_names)


async def test_an_engine_that_is_away_when_an_owner_dies_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.docker.labels._PAUSE_S", 0.2)
    owner = uuid.uuid4().hex
    container_names = [_create(labels() | {OWNER: owner})]
    socket = tmp_path / "engine"
    try:
        with monkeypatch.context() as away:
            away.setenv("DOCKER_HOST", f"unix://{socket}")
            removing = asyncio.create_task(asyncio.to_thread(remove_all_of, owner))
            await asyncio.sleep(0.3)
            socket.symlink_to("/var/run/docker.sock")
            await removing

        assert await containers(owner) == []
    finally:
        await remove_containers(container_names)


def _import_empty_image() -> str:
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    name = f"coder-test-{uuid.uuid4().hex[:8]}:empty"
    client = docker.from_env()
    try:
        client.api.import_image_from_data(empty.getvalue(), *name.split(":"))
    finally:
        client.close()
    return name


def _remove_image(name: str) -> None:
    client = docker.from_env()
    try:
        client.images.remove(name, force=True)
    finally:
        client.close()


def _create(marked: dict[str, str]) -> str:
    client = docker.from_env()
    try:
        container = client.containers.create(IMAGE, ["true"], labels=marked, network_mode="none")
        return str(container.name)
    finally:
        client.close()


def _owner(without: str = "", *, script: str = _OWNER) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, *filter(None, [without])]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
