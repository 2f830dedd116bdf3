"""A kernel of each backend that is installed, one for all tests of a file."""

import os
from collections.abc import AsyncIterator
from importlib.metadata import entry_points

import pytest
import pytest_asyncio

from sandbox import BackendMissing, Kernel, Policy, open_kernel, session_policy

BACKENDS = [name for name in ("bubblewrap", "docker") if entry_points(group="sandbox.backends", name=name)]
MARKS = {"bubblewrap": (), "docker": (pytest.mark.foreign,)}
_MEMORY_MB = 512
"""Enough for a kernel, and soon filled."""


def policy_for(backend: str) -> Policy:
    """One that the backend of this machine can open a kernel by."""
    image = os.environ.get("CODER_TEST_IMAGE") if backend == "docker" else None
    return session_policy(image=image, memory_mb=_MEMORY_MB)


@pytest.fixture(scope="module", params=[pytest.param(name, marks=MARKS[name]) for name in BACKENDS])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "docker":
        request.getfixturevalue("docker_engine")
    return name


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(backend: str) -> AsyncIterator[Kernel]:
    try:
        async with open_kernel(policy_for(backend), backend=backend) as opened:
            yield opened
    except BackendMissing as error:
        pytest.skip(str(error))
