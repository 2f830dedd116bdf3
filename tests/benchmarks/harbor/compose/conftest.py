"""Images of the made services, and Docker's client with the compose plugin."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.conftest import remove_image
from tests.benchmarks.harbor.tasks_made import PROCESS


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's client has the plugin that `.ci/run` installs, if it did."""
    if "CODER_DOCKER_CONFIG" in os.environ:
        monkeypatch.setenv("DOCKER_CONFIG", os.environ["CODER_DOCKER_CONFIG"])


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _images(engine: Engine) -> AsyncIterator[None]:
    """Images that tests here build are removed after all of them."""
    yield
    built = await engine.ask("list images", lambda api: api.images(filters={"label": f"test={PROCESS}"}))
    for image in built or ():
        await remove_image(engine, image["Id"])
