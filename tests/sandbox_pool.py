"""Sandboxes that stay open from test to test in one worker: opening one takes longer than most runs in it.

Each belongs to an event loop, and is lent to one test after the other, with an empty workspace.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox import Policy, Sandbox, SandboxBroken, Session, open_sandbox
from sandbox.contract import Running
from sandbox.program import Program
from sandbox.result import Result

MOST_IDLE = 12
"""Sandboxes of a worker that wait for a test; the one that has waited longest is closed."""


async def run_program(
    box: Sandbox, program: Program, *, policy: Policy, is_alone: Callable[[], bool], **how: Any
) -> Result:
    """Run a program in a kept sandbox; tests/recorded_runs.py has another function in its place."""
    return await box.run(program, **how)


_idle_by_loop: dict[asyncio.AbstractEventLoop, list[_Open]] = {}


@dataclass(eq=False, slots=True)
class _Open:
    """An open sandbox, what closes it, and the policy that it has."""

    policy: Policy
    box: Sandbox
    stack: AsyncExitStack


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
    lent = _Lent(kept.box, policy)
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
    # Our own environment may lie there, too.
    return any(
        folder.is_relative_to(temporary) and not folder.is_relative_to(sys.prefix) for folder in folders
    )


@dataclass(slots=True)
class _Lent:
    """A sandbox for as long as one test has it; afterwards it refuses as a closed one does."""

    _box: Sandbox
    _policy: Policy
    _uses: int = 0
    _begun: int = 0
    """Number of uses so far."""
    is_over: bool = False
    _laid: int = 0
    """Most files that were laid: thousands get a layer, which stays."""

    def __getattr__(self, name: str) -> Any:
        if self.is_over:
            raise SandboxBroken("The sandbox is closed.")
        return getattr(self._box, name)

    async def run(self, program: Program, **how: Any) -> Result:
        with self._in_use():
            begun = self._begun
            return await run_program(
                self._box,
                program,
                policy=self._policy,
                is_alone=lambda: self._uses == 1 and self._begun == begun,
                **how,
            )

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
        self._begun += 1
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
