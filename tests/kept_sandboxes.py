"""Sandboxes that stay open from test to test in one worker: opening one takes longer than most runs in it.

`solve` and `resume` are those of `coder`, in such sandboxes. A test takes them where it needs only what
programs do; how a sandbox opens, closes and is chosen is tested with one of its own. A module that uses them
runs on the loop of the session (`KEPT`), to which open sandboxes belong; on another one, each is opened anew.
"""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import pytest
import pytest_asyncio

from sandbox import Policy, Sandbox, SandboxBroken, Session, open_sandbox
from sandbox.contract import Running
from sandbox.program import Program
from sandbox.result import Result

if TYPE_CHECKING:
    from coder.engine.options import Options
    from coder.run.run import Run
    from coder.run.task import Task

KEPT = pytest.mark.usefixtures("kept_sandboxes")
"""Mark of a module whose tests use kept sandboxes."""
MOST_IDLE = 6
"""Sandboxes of a worker that wait for a test; the one that has waited longest is closed."""

_idle_by_loop: dict[asyncio.AbstractEventLoop, list[_Open]] = {}


@dataclass(eq=False, slots=True)
class _Open:
    """An open sandbox, what closes it, and the policy that it has."""

    policy: Policy
    box: Sandbox
    stack: AsyncExitStack


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


@asynccontextmanager
async def keep_sandboxes() -> AsyncIterator[None]:
    """Keep sandboxes open on this loop for as long as the block lasts."""
    idle = _idle_by_loop.setdefault(asyncio.get_running_loop(), [])
    try:
        yield
    finally:
        del _idle_by_loop[asyncio.get_running_loop()]
        for kept in idle:
            await kept.stack.aclose()


@asynccontextmanager
async def open_kept(policy: Policy | None = None) -> AsyncIterator[Any]:
    """Lend a sandbox with an empty workspace, in which nothing runs; an open one with this policy, if any.

    It is closed, not kept, after an error, with something still running in it, or with hosts or temporary
    folders in its policy: these belong to a test.
    """
    policy = policy or Policy()
    idle = _idle_by_loop.get(asyncio.get_running_loop())
    if idle is None or policy.has_proxy or _shows_folders_of_test(policy):
        async with open_sandbox(policy) as box:
            yield box
        return
    kept = next((one for one in reversed(idle) if one.policy == policy), None)
    if kept is not None:
        idle.remove(kept)
    else:
        stack = AsyncExitStack()
        kept = _Open(policy, await stack.enter_async_context(open_sandbox(policy)), stack)
    lent = _Lent(kept.box)
    is_clean = False
    try:
        yield lent
        is_clean = await lent.end()
    finally:
        lent.is_over = True
        if is_clean:
            idle.append(kept)
        else:
            await kept.stack.aclose()
    while len(idle) > MOST_IDLE:
        await idle.pop(0).stack.aclose()


def _shows_folders_of_test(policy: Policy) -> bool:
    temporary = tempfile.gettempdir()
    folders = (*policy.folders.values(), *policy.beside.values(), *filter(None, [policy.python]))
    return any(folder.is_relative_to(temporary) for folder in folders)


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


@dataclass(slots=True)
class _Lent:
    """A sandbox for as long as one test has it; afterwards it refuses as a closed one does."""

    _box: Sandbox
    _uses: int = 0
    is_over: bool = False
    _laid: int = 0
    """Most files that were laid: thousands get a layer, which stays."""

    def __getattr__(self, name: str) -> Any:
        if self.is_over:
            raise SandboxBroken("The sandbox is closed.")
        return getattr(self._box, name)

    async def run(self, program: Program, **how: Any) -> Result:
        with self._in_use():
            return await self._box.run(program, **how)

    async def start(self, entry: str, arguments: Mapping[str, object], **how: Any) -> Running:
        with self._in_use():
            running = await self._box.start(entry, arguments, **how)
        self._uses += 1
        return _LentRunning(running, self)

    @asynccontextmanager
    async def session(self, **how: Any) -> AsyncIterator[Session]:
        with self._in_use():
            async with self._box.session(**how) as opened:
                yield opened

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        self._laid = max(self._laid, len(files))
        return await self.__getattr__("lay")(files)

    async def close(self) -> None:
        self.is_over = True

    async def end(self) -> bool:
        """Empty the workspace; False if the sandbox can't be lent again."""
        if self._uses or self._laid >= 1000:
            return False
        await self._box.remove(".")
        return not await self._box.list(".")

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        if self.is_over:
            raise SandboxBroken("The sandbox is closed.")
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1


@dataclass(slots=True)
class _LentRunning:
    _running: Running
    _lent: _Lent
    _is_over: bool = False

    async def send(self, frame: bytes) -> None:
        await self._running.send(frame)

    async def receive(self) -> bytes | None:
        return await self._running.receive()

    async def finish(self) -> Result:
        result = await self._running.finish()
        if not self._is_over:
            self._is_over = True
            self._lent._uses -= 1
        return result
