"""The container of a task: programs change all of its file system, and its files outlive them."""

import contextlib
import io
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator

import docker
import pytest

from sandbox import BackendMissing, Command, SandboxBroken
from sandbox.docker.engine import IMAGE, connect
from sandbox.docker.task_container import TaskContainer, design_of, open_task_container
from sandbox.policy import session_policy
from tests.docker_engine import require_docker
from tests.processes import wait_until

POLICY = session_policy(memory_mb=256)
pytestmark = pytest.mark.usefixtures("_docker")
_DOCKERFILE = f"""\
FROM {IMAGE}
USER root
RUN useradd --create-home worker && mkdir /app && echo given > /app/file && chown -R worker /app
ENV SETTING=of-the-image
WORKDIR /app
"""


@pytest.fixture
async def _docker() -> None:
    await require_docker()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    client, tag = docker.from_env(), f"coder-test-task:{uuid.uuid4().hex[:8]}"
    client.images.build(fileobj=io.BytesIO(_DOCKERFILE.encode()), tag=tag, rm=True, network_mode="none")
    yield tag
    client.images.remove(tag, force=True)


def content_of(container: str, path: str) -> bytes:
    """A file of a container that has ended."""
    pieces, _ = docker.from_env().containers.get(container).get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        assert file is not None
        return file.read()


@pytest.mark.slow
async def test_programs_have_the_user_folder_variables_and_rights_of_the_image(image: str) -> None:
    async with open_task_container(TaskContainer(image), POLICY) as task:
        ran = await task.sandbox.run(Command(argv=("sh", "-c", "id -u; pwd; echo $SETTING; cat file")))
        async with task.sandbox.session() as session:
            asked = await session.sh("id -u; pwd; echo $SETTING $HOME; cat file")
            changed = await session.sh("echo 1 > /etc/made && chown 1000 /etc/made && mkdir -p /srv/deep")

    assert (ran.stdout, ran.stderr) == ("0\n/app\nof-the-image\ngiven\n", "")
    assert asked.output == "0\n/app\nof-the-image /root\ngiven\n"
    assert changed.exit_code == 0, changed.output


@pytest.mark.slow
async def test_a_task_may_name_another_user_and_folder(image: str) -> None:
    named = TaskContainer(image, user="worker", workdir="/home/worker", environment={"SETTING": "own"})

    async with open_task_container(named, POLICY) as task, task.sandbox.session() as session:
        asked = await session.sh(
            "id -un; pwd; echo $SETTING $HOME; touch /etc/no 2>/dev/null || echo refused"
        )

    assert asked.output == "worker\n/home/worker\nown /home/worker\nrefused\n"


@pytest.mark.slow
async def test_a_service_lives_on_between_commands_and_nothing_is_reached_outside(image: str) -> None:
    fetch = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/file').read().decode())"

    async with open_task_container(TaskContainer(image), POLICY) as task, task.sandbox.session() as session:
        await session.sh("setsid python3 -m http.server 8000 > /dev/null 2>&1 & sleep 1")
        fetched = await session.sh(f'python3 -c "{fetch}"; cat /proc/net/dev | grep -c :')

    assert fetched.output == "given\n\n1\n"


@pytest.mark.slow
async def test_files_stay_after_the_end_of_all_processes_and_go_with_the_block(image: str) -> None:
    containers = docker.from_env().containers

    async with open_task_container(TaskContainer(image), POLICY) as task:
        async with task.sandbox.session() as session:
            await session.sh("setsid sh -c 'while :; do date > beat; sleep 0.1; done' > /dev/null 2>&1 &")
            await session.sh("echo done > /etc/made")
        await task.end()
        await task.end()

        assert containers.get(task.container).status == "exited"
        assert content_of(task.container, "/etc/made") == b"done\n"
        assert content_of(task.container, "/app/beat") == content_of(task.container, "/app/beat")
        with pytest.raises(SandboxBroken):
            await task.sandbox.run(Command(argv=("true",)))

    with pytest.raises(docker.errors.NotFound):
        containers.get(task.container)


async def test_a_public_task_is_on_the_network_of_the_engine(image: str) -> None:
    with contextlib.closing(await connect()) as engine:
        design = await design_of(engine, TaskContainer(image, network="public"), POLICY)
        name = f"coder-test-{uuid.uuid4().hex[:8]}"
        await engine.ask("make a container", lambda api: design.create(api, name))
        try:
            made = docker.from_env().containers.get(name)
        finally:
            await engine.remove(name)

    assert made.attrs["HostConfig"]["NetworkMode"] == "bridge"


@pytest.mark.slow
async def test_processes_are_bounded(image: str) -> None:
    bounded = POLICY.model_copy(update={"processes": 20})
    many = "import subprocess\nfor _ in range(60): subprocess.Popen(['sleep', '60'])"

    async with open_task_container(TaskContainer(image), bounded) as task:
        flooded = await task.sandbox.run(Command(argv=("python3", "-c", many)))
        after = await task.sandbox.run(Command(argv=("echo", "still here")))

    assert "Resource temporarily unavailable" in flooded.stderr
    assert after.stdout == "still here\n"


@pytest.mark.slow
async def test_programs_that_kill_all_of_their_container_end_the_session_and_leave_its_files(
    image: str,
) -> None:
    async with open_task_container(TaskContainer(image), POLICY) as task:
        async with task.sandbox.session() as session:
            with contextlib.suppress(SandboxBroken):
                await session.sh("echo kept > /etc/made; kill -9 -1")
            with pytest.raises(SandboxBroken):
                await session.sh("true")
        await task.end()

        assert content_of(task.container, "/etc/made") == b"kept\n"


_OWNER = """
import asyncio, sys
from sandbox.docker.task_container import TaskContainer, open_task_container
from sandbox.policy import session_policy
async def main():
    async with open_task_container(TaskContainer(sys.argv[1]), session_policy(memory_mb=256)) as task:
        print(task.container, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.slow
def test_a_container_goes_with_its_owner(image: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER, image], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        names = [each.name for each in docker.from_env().containers.list()]
        owner.kill()

    assert name in names
    assert wait_until(lambda: not docker.from_env().api.containers(all=True, filters={"name": name}))


async def test_a_missing_image_is_named() -> None:
    with pytest.raises(BackendMissing, match="no image 'nobody/has'"):
        async with open_task_container(TaskContainer("nobody/has"), POLICY):
            pass
