"""Judges that stay open from module to module: opening one takes half a second of a processor.

What one module's cases have shown is forgotten before the next one.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.cases import case
from tests.only_pytest import only_pytest

LONGEST_S = 20
"""Most CPU seconds that a repository's case may have."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def open_function_judge() -> AsyncIterator[Judge]:
    suite = Suite(name="small", version="1", cases=(case("pass", None, timeout_s=3),))
    async with open_judge(suite) as judge:
        yield judge


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def open_repository_judge() -> AsyncIterator[Judge]:
    one = RepositoryCase(id="any", prompt="", files={}, hidden_tests={}, gold_patch=None, timeout_s=LONGEST_S)
    async with open_judge(Suite(name="any", version="1", cases=(one,)), python=only_pytest()) as judge:
        yield judge


@pytest.fixture(scope="module")
def judge(open_function_judge: Judge) -> Judge:
    """Judge functions and scripts; a module of repositories has `repository_judge` instead."""
    open_function_judge.forget()
    return open_function_judge


@pytest.fixture(scope="module")
def repository_judge(open_repository_judge: Judge) -> Judge:
    open_repository_judge.forget()
    return open_repository_judge
