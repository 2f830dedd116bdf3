"""One judge for the tests of a module."""

from collections.abc import AsyncIterator

import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import Suite
from tests.benchmarks.judge.cases import case


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    suite = Suite(name="small", version="1", cases=(case("pass", None, timeout_s=3),))
    async with open_judge(suite) as judge:
        yield judge
