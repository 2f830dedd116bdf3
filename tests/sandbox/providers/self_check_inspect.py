"""Inspect's own checks of a sandbox, on ours, run by pytest in Inspect's environment."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from inspect_ai.util import SandboxEnvironment
from inspect_ai.util._sandbox.registry import registry_find_sandboxenv
from inspect_ai.util._sandbox.self_check import *  # noqa: F403

UNMET = {
    "test_exec_as_user": "programs have no privileges, so that there is no root to make or become a user",
}
"""Why a check can't pass here."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def opened() -> AsyncIterator[SandboxEnvironment]:
    provider = registry_find_sandboxenv("coder")
    environments = await provider.sample_init("checks", None, {})
    yield environments["default"]
    await provider.sample_cleanup("checks", None, environments, False)


@pytest.fixture
def sandbox_env(opened: SandboxEnvironment, request: pytest.FixtureRequest) -> SandboxEnvironment:
    reason = UNMET.get(request.node.originalname)
    if reason is not None:
        request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    return opened
