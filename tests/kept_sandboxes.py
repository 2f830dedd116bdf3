"""Fixtures and functions of tests that use sandboxes which stay open from test to test.

`solve` and `resume` are those of `coder`, in such sandboxes. A test takes them where it needs only what
programs do; how a sandbox opens, closes and is chosen is tested with one of its own. A module that uses them
runs on the loop of the session (`KEPT`), to which open sandboxes belong; on another one, each is opened anew.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any, Unpack

import pytest
import pytest_asyncio

from tests.sandbox_pool import keep_sandboxes, open_kept

if TYPE_CHECKING:
    from coder.engine.options import Options
    from coder.run.run import Run
    from coder.run.task import Task

KEPT = pytest.mark.usefixtures("kept_sandboxes")
"""Mark of a module whose tests use kept sandboxes."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test with kept sandboxes runs on their loop."""
    is_async = asyncio.iscoroutinefunction(getattr(item, "function", None))
    if is_async and "kept_sandboxes" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Refuse a fixture with another loop: closing its sandbox, after use on this one, never ends."""
    function = fixturedef.func
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    on_kept_loop = getattr(function, "_loop_scope", None) == "session"
    if is_async and not on_kept_loop and "kept_sandboxes" in request.fixturenames:
        message = f'{fixturedef.argname} needs pytest_asyncio.fixture(loop_scope="session")'
        refusal = pytest.fail.Exception(message, pytrace=False)
        # A fixture without a result is never finished, and no later test of this worker could have it.
        fixturedef.cached_result = (None, fixturedef.cache_key(request), (refusal, None))
        raise refusal
    return (yield)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_sandboxes() -> AsyncIterator[None]:
    """Sandboxes of this worker are kept open, until its last test has ended."""
    async with keep_sandboxes():
        yield


async def solve(task: Task, **options: Unpack[Options]) -> Run:
    """`coder.solve` in kept sandboxes, unless the settings name a backend."""
    from coder.engine import agent  # not there where the tests of `sandbox` run alone

    return await agent.solve(task, **_with_kept(options))


async def resume(run_id: str, **options: Any) -> Run:
    """`coder.resume` in kept sandboxes, unless the settings name a backend."""
    from coder.engine import resume as resuming

    return await resuming.resume(run_id, **_with_kept(options))


def _with_kept(options: Any) -> Any:
    settings = options.get("settings")
    if settings is not None and settings.sandbox != "auto":
        return options
    return {"sandbox": open_kept, **options}
