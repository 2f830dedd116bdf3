"""Judges that stay open from module to module: opening one takes half a second of a processor.

What one module's cases have shown is forgotten before the next one.
"""

from collections.abc import AsyncIterator
from random import Random
from types import SimpleNamespace

import pytest
import pytest_asyncio

from benchmarks.judge import among_twins, judging_sandboxes
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from sandbox import Policy
from tests.benchmarks.judge.cases import case
from tests.only_pytest import only_pytest
from tests.recorded_runs import Recordings
from tests.sandbox_pool import open_kept

LONGEST_S = 20
"""Most CPU seconds that a repository's case may have."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def open_function_judge() -> AsyncIterator[Judge]:
    suite = Suite(name="small", version="1", cases=(case("pass", None, timeout_s=3),))
    async with open_judge(suite) as judge:
        yield judge


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def open_repository_judge(kept_sandboxes: None) -> AsyncIterator[Judge]:
    one = RepositoryCase(id="any", prompt="", files={}, hidden_tests={}, gold_patch=None, timeout_s=LONGEST_S)
    async with open_judge(Suite(name="any", version="1", cases=(one,)), python=only_pytest()) as judge:
        opening = judge.judging_sandboxes
        policy: Policy = opening._policy
        opening.open = lambda: open_kept(policy)  # type: ignore[method-assign]  # so that runs can be recorded
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


@pytest.fixture
def recorded_judgements(recorded_runs: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer test files among twins from recordings, for which the twins are drawn alike each time."""
    monkeypatch.setattr(among_twins, "secrets", SimpleNamespace(SystemRandom=lambda: Random(0)))
    # Runners other than pytest have sandboxes with policies of their own.
    monkeypatch.setattr(judging_sandboxes, "open_sandbox", lambda policy, backend: open_kept(policy))
