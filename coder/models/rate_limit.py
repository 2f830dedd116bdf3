"""Lanes: how fast one endpoint is asked, by all runs of this process together.

A lane keeps the user's limits, and rests when the endpoint reports that its own are spent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from weakref import WeakKeyDictionary

from coder.models.endpoint import Endpoint, Limits

LONGEST_REST_S = 60.0


class Lane:
    """The way to one endpoint."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._next_at = 0.0
        self._rests_until = 0.0

    def rest(self, seconds: float) -> None:
        """Pause all calls for so long, or until a retry makes sense."""
        self._rests_until = max(self._rests_until, monotonic() + min(seconds, LONGEST_REST_S))

    @property
    def rests_s(self) -> float:
        """Seconds until its rest ends; 0 when it doesn't rest."""
        return max(0.0, self._rests_until - monotonic())

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one call, in the order of waiting. Calls of one event loop are counted together."""
        if self.limits.concurrency is None:
            await self._turn()
            yield
            return
        loop = asyncio.get_running_loop()
        async with self._slots.setdefault(loop, asyncio.Semaphore(self.limits.concurrency)):
            await self._turn()
            yield

    async def _turn(self) -> None:
        """Wait until the last call is far enough away."""
        if self.limits.requests_per_minute is not None:
            now = monotonic()
            at = max(now, self._next_at)
            self._next_at = at + 60 / self.limits.requests_per_minute
            await asyncio.sleep(at - now)


_LANES: dict[tuple[str, Limits], Lane] = {}


def lane_of(endpoint: Endpoint) -> Lane:
    """The one lane of this process for an address, a key and their limits."""
    return _LANES.setdefault((endpoint.place, endpoint.limits), Lane(endpoint.limits))
