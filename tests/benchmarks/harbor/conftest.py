"""An engine, the image of the tasks made for tests, and folders of tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import docker
import pytest
import pytest_asyncio

from benchmarks.harbor.image import task_image
from sandbox.docker.engine import Engine, connect
from tests.benchmarks.harbor.tasks_made import PROCESS, make_task
from tests.docker_images import require_small_image

WriteTask = Callable[..., Path]


async def remove_image(engine: Engine, image: str) -> None:
    """Remove an image that a test built."""
    with contextlib.suppress(Exception):
        await engine.ask("remove an image", lambda api: api.remove_image(image, force=True))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(_images: None, docker_engine: None) -> AsyncIterator[Engine]:
    await asyncio.to_thread(require_small_image)
    engine = await connect()
    yield engine
    engine.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the usual task, which is built once for all modules."""
    folder = await asyncio.to_thread(make_task, tmp_path_factory.mktemp("task"))
    return await task_image(engine, folder / "environment", docker_image=None, timeout_s=120)


@pytest.fixture(scope="session")
def _images() -> Iterator[None]:
    """Images of this process are removed after all tests."""
    yield
    try:
        client = docker.from_env()
    except docker.errors.DockerException:  # its tests were skipped
        return
    for image in client.images.list(filters={"label": f"test={PROCESS}"}):
        with contextlib.suppress(docker.errors.APIError):
            client.images.remove(image.id, force=True)
    client.close()


@pytest.fixture
def write_task(tmp_path: Path) -> WriteTask:
    """Write a task's folder; files are given by path, and a file of the default task is left out by None."""

    def write(toml: str = "", name: str = "greet", **files: str | None) -> Path:
        folder = tmp_path / name
        contents: dict[str, str | None] = {
            "task.toml": toml,
            "instruction.md": "Write hello.txt.\n",
            "environment/Dockerfile": "FROM scratch\n",
            "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
            **files,
        }
        for path, content in contents.items():
            if content is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(content)
        return folder

    return write
