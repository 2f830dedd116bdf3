"""Fixtures that hand out nouns: an open sandbox, for the test that asks for one."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from sandbox import Sandbox, open_sandbox
from tests.bare_python import bare_python
from tests.only_pytest import only_pytest

pytest_plugins = [
    f"tests.{name}"
    for name in (
        "no_skips",
        "tiers",
        "room_costs",
        "docker_engine",
        "postgres",
        "object_store",
        "kept_sandboxes",
        "kept_baselines",
        "instant",
        "recorded_runs",
    )
]

gc.disable()  # until all tests are collected: what they are made of stays, and it is much to go through
_COLLECTION_THRESHOLD = 20_000
"""New objects before a collection: at 700, collecting is an eighth of what tests that start nothing take."""
# How long one example takes is up to whoever else uses the machine.
settings.register_profile("loaded", deadline=None)
settings.load_profile("loaded")
# Tests in a sandbox start pytest some thousand times: with a dozen plugins that takes six times as long.
os.environ["VIRTUAL_ENV"] = str(only_pytest().parent.parent)
# The Python of programs that name none, which starts thousands of times, too.
sys._base_executable = str(bare_python())  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two a processor, since tests wait two thirds of their time, but instant ones."""
    return (1 if config.option.markexpr == "instant" else 2) * len(os.sched_getaffinity(0))


def pytest_collection_finish() -> None:
    """Collect garbage again, but not in the modules and items of all tests, which stay."""
    gc.freeze()
    gc.set_threshold(_COLLECTION_THRESHOLD)
    gc.enable()


@pytest.fixture(scope="session")
def allowed_host() -> Iterator[None]:
    """Permit the backend `container` on a machine that isn't one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODER_UNSAFE_HOST", "1")
        yield


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with open_sandbox() as opened:
        yield opened
