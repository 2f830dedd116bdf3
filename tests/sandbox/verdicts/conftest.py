"""A pair of sandboxes for all checks of a worker: opening one takes longer than most checks."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.sandbox.verdicts.pairs import Pair, open_pair


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def pair() -> AsyncIterator[Pair]:
    async with open_pair() as pair:
        yield pair
