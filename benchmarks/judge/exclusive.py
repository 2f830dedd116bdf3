"""Schedule samples: many run concurrently, but each retry has its own processor."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager


class _Count:
    """Counts samples of one kind: expected seconds of waiting samples, and the number of running samples."""

    def __init__(self) -> None:
        self.waiting: list[float] = []
        self.running = 0


class Exclusive:
    """Limits the number of samples during retries, which have a processor each; running samples continue."""

    def __init__(self, processors: int | None = None) -> None:
        self._changed = asyncio.Condition()
        self._processors = processors or os.cpu_count() or 1
        self._shared, self._behind, self._retries = _Count(), _Count(), _Count()

    def shared(self) -> AbstractAsyncContextManager[None]:
        """Run concurrently with other samples."""
        return self._turn(self._shared, self._may_share)

    def behind(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Run behind other samples, short ones first, on half of the processors while others are pending."""
        return self._turn(self._behind, lambda: self._may_follow(seconds), seconds)

    def quiet(self) -> AbstractAsyncContextManager[None]:
        """Run as a retry: one at a time, or one per processor when no other sample is pending."""
        return self._turn(self._retries, self._may_retry)

    @contextlib.asynccontextmanager
    async def _turn(
        self, count: _Count, is_free: Callable[[], bool], seconds: float = 0.0
    ) -> AsyncIterator[None]:
        async with self._changed:
            count.waiting.append(seconds)
            try:
                await self._changed.wait_for(is_free)
            finally:
                count.waiting.remove(seconds)
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

    def _may_follow(self, seconds: float) -> bool:
        is_alone = not (self._shared.running or self._shared.waiting)
        room = self._processors if is_alone else max(1, self._processors // 2)
        return self._behind.running < room and seconds <= min(self._behind.waiting)

    def _may_retry(self) -> bool:
        shared, running = self._shared, self._retries.running
        if not running:
            return shared.running <= self._room()
        return not shared.running and not shared.waiting and running < self._processors

    def _room(self) -> int:
        """Return the number of samples that may run beside the running retries."""
        running = self._retries.running
        return max(1, self._processors - 1) if running <= 1 else self._processors - running
