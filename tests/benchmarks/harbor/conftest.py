"""An engine, the image of the tasks made for tests, and folders of tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.image import task_image
from sandbox.docker.engine import Engine, connect
from tests.benchmarks.harbor.tasks_made import make_task
from tests.docker_engine import require_docker

WriteTask = Callable[..., Path]


async def remove_image(engine: Engine, image: str) -> None:
    """Remove an image that a test built."""
    with contextlib.suppress(Exception):
        await engine.ask("remove an image", lambda api: api.remove_image(image, force=True))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine() -> AsyncIterator[Engine]:
    await require_docker()
    engine = await connect()
    yield engine
    engine.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def image(engine: Engine, tmp_path_factory: "object") -> AsyncIterator[str]:
    folder = await asyncio.to_thread(make_task, Path(tmp_path_factory.mktemp("task")))  # type: ignore[attr-defined]
    image = await task_image(engine, folder / "environment", docker_image=None, timeout_s=120)
    yield image
    await remove_image(engine, image)


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
