"""Where samples are judged: a pair of sandboxes that all cases share, or one of the case's own image."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from benchmarks.judge.function import Pair
from benchmarks.judge.image_cases import Place, image_place
from benchmarks.suite import RepositoryCase
from sandbox import Policy, Sandbox, open_sandbox
from sandbox.checks.candidate_pool import Candidates
from sandbox.checks.standby import Checkers
from sandbox.errors import SandboxBroken

_IMAGES = 2
"""Cases with images that are judged at a time, at most: each holds a tree in memory."""


class Places:
    """Opens sandboxes when they are first needed, and anew where they stopped working."""

    def __init__(self, policy: Policy, backend: str) -> None:
        self._policy, self._backend = policy, backend
        self._stack = contextlib.AsyncExitStack()
        self._pair: Pair | None = None
        self._opening = asyncio.Lock()
        self._in_images = asyncio.Semaphore(_IMAGES)

    @property
    def isolation(self) -> str:
        """What keeps candidates apart here."""
        return self._pair.candidate.backend if self._pair is not None else self._backend

    @property
    def image(self) -> str | None:
        """Id of the image of the shared pair, where there is one."""
        return self._pair.candidate.image if self._pair is not None else None

    async def pair(self) -> Pair:
        """The sandboxes of cases without an image."""
        async with self._opening:
            if self._pair is None:
                candidate, checker = [await self._stack.enter_async_context(self.open()) for _ in range(2)]
                self._pair = Pair(candidate, Candidates(candidate), Checkers(checker))
            return self._pair

    def open(self) -> AbstractAsyncContextManager[Sandbox]:
        """One more of their kind."""
        return open_sandbox(self._policy, backend=self._backend)

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[Pair]:
        """The same pair for the length of a sample; where it breaks, the next sample gets a new one.

        Raises:
            SandboxBroken: one of them stopped working.
        """
        pair = await self.pair()
        try:
            yield pair
        except SandboxBroken:
            async with self._opening:
                if self._pair is pair:
                    self._pair = None
            raise

    @contextlib.asynccontextmanager
    async def of(self, case: RepositoryCase) -> AsyncIterator[Place]:
        """Where a repository's case is judged."""
        if case.image is not None:
            async with self._in_images, image_place(self._policy, case) as place:
                yield place
        else:
            async with self.shared() as pair:
                yield Place(case, pair.candidate, self.open)

    async def close(self) -> None:
        """End all sandboxes."""
        await self._stack.aclose()
