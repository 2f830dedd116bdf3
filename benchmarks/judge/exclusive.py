"""Schedule samples: many concurrently, retries with a processor each."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager


class _Count:
    """Number of running samples of one kind."""

    def __init__(self) -> None:
        self.waiting = self.running = 0


class Exclusive:
    """Limits what runs beside retries, which have a processor each; running samples continue."""

    def __init__(self, processors: int | None = None) -> None:
        self._changed = asyncio.Condition()
        self._processors = processors or os.cpu_count() or 1
        self._shared, self._retries = _Count(), _Count()

    def shared(self) -> AbstractAsyncContextManager[None]:
        """Run concurrently with other samples."""
        return self._turn(self._shared, self._may_share)

    def quiet(self) -> AbstractAsyncContextManager[None]:
        """Run as a retry: one at a time, or one per processor when no other sample is pending."""
        return self._turn(self._retries, self._may_retry)

    @contextlib.asynccontextmanager
    async def _turn(self, count: _Count, is_free: Callable[[], bool]) -> AsyncIterator[None]:
        async with self._changed:
            count.waiting += 1
            try:
                await self._changed.wait_for(is_free)
            finally:
                count.waiting -= 1
                self._changed.notify_all()
            count.running += 1
        try:
            yield
        finally:
            async with self._changed:
                count.running -= 1
                self._changed.notify_all()

    def _may_share(self) -> bool:
        retries = self._retries
        return not (retries.waiting or retries.running) or self._shared.running < self._room()

    def _may_retry(self) -> bool:
        shared, running = self._shared, self._retries.running
        if not running:
            return shared.running <= self._room()
        return not shared.running and not shared.waiting and running < self._processors

    def _room(self) -> int:
        """Samples allowed beside retries; several retries run only when no sample is pending."""
        running = self._retries.running
        return max(1, self._processors - 1) if running <= 1 else self._processors - running
