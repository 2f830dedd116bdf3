"""Fixtures that hand out nouns: an open sandbox, for the test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from sandbox import Sandbox, open_sandbox

pytest_plugins = ["tests.no_skips"]


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with open_sandbox() as opened:
        yield opened
