"""Workers of a server: what clients call waits for one of them in a queue, first come, first served."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.base.errors import Busy

QUEUE_LENGTH = 64
"""Number of calls that may wait."""
QUEUE_S = 600.0
"""Longest wait in seconds: that of the longest program. A client may cancel its call earlier."""


class Workers:
    """A number of workers, and the queue of the calls that wait for one."""

    def __init__(self, count: int | None = None, *, wait_s: float = QUEUE_S) -> None:
        """Set the number of workers; None: one for each processor."""
        self._slots = asyncio.Semaphore(count or os.cpu_count() or 1)
        self._wait_s, self._waiting = wait_s, 0

    def are_busy(self) -> bool:
        """Whether a call would have to wait."""
        return self._slots.locked()

    @asynccontextmanager
    async def one(self, *, waits: bool) -> AsyncIterator[None]:
        """Hold a worker within the context.

        Args:
            waits: whether to wait in the queue if none is free.

        Raises:
            Busy: no worker is free, and the call doesn't wait, the queue is full, or the wait is too long.
        """
        if self.are_busy():
            if not waits:
                raise Busy("All workers of this server are busy.\nTry again later.")
            if self._waiting >= QUEUE_LENGTH:
                raise Busy(
                    f"{self._waiting} calls wait for a worker of this server already.\nTry again later."
                )
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Busy(
                f"No worker of this server became free in {self._wait_s:g} s.\nTry again later."
            ) from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()
