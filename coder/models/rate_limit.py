"""Lanes: how fast one endpoint is asked, by all runs of this process together.

A lane keeps the user's limits, and rests when the endpoint says that its own are spent: what one run was
told, the others need not be told again.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from coder.models.endpoint import Endpoint, Limits

LONGEST_REST_S = 60.0


class Lane:
    """The way to one endpoint. Runs of several event loops and threads may share it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._taken = 0
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._next_at = 0.0
        self._rests_until = 0.0

    def rest(self, seconds: float) -> None:
        """Pause all calls for so long, or until a retry makes sense."""
        self._rests_until = max(self._rests_until, monotonic() + min(seconds, LONGEST_REST_S))

    @property
    def rests_s(self) -> float:
        """Seconds that it will rest yet; 0 when it doesn't."""
        return max(0.0, self._rests_until - monotonic())

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one call, once there is one; in the order in which they were asked for."""
        await self._take()
        try:
            if (turn_s := self._turn_s()) > 0:
                await asyncio.sleep(turn_s)
            yield
        finally:
            self._give()

    async def _take(self) -> None:
        most = self.limits.concurrency
        with self._lock:
            if most is None or self._taken < most:
                self._taken += 1
                return
            loop = asyncio.get_running_loop()
            mine: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._give()  # the place came in the same moment
            raise

    def _give(self) -> None:
        """Hand the place to the first who still waits."""
        with self._lock:
            while self._waiting:
                loop, waiter = self._waiting.popleft()
                if not (loop.is_closed() or waiter.done()):
                    loop.call_soon_threadsafe(self._hand, waiter)
                    return
            self._taken -= 1

    def _hand(self, waiter: "asyncio.Future[None]") -> None:
        if waiter.done():
            self._give()  # cancelled meanwhile
        else:
            waiter.set_result(None)

    def _turn_s(self) -> float:
        """Seconds to wait, so that calls keep their distance."""
        rate = self.limits.requests_per_minute
        if rate is None:
            return 0.0
        with self._lock:
            now = monotonic()
            at = max(now, self._next_at)
            self._next_at = at + 60 / rate
        return at - now


_LANES: dict[str, Lane] = {}


def lane_of(endpoint: Endpoint) -> Lane:
    """The one lane of this process for an address and a key; limits that are given anew count from now on."""
    lane = _LANES.setdefault(endpoint.place, Lane(endpoint.limits))
    lane.limits = endpoint.limits
    return lane
