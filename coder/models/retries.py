"""Schedule requests and retries: at the user's rate, after passing faults, until the deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from random import uniform
from time import monotonic
from typing import TypeVar
from weakref import WeakKeyDictionary

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential
from tenacity.wait import wait_base

from coder.models.endpoint import Endpoint, Patience, RateLimits
from coder.models.model import OnRetry, Retry, Used

T = TypeVar("T")
LONGEST_WAIT_S = 8.0
"""Between two requests, unless the endpoint asks for more."""


class Passing(Exception):
    """A fault that may pass when the request is repeated."""

    def __init__(
        self, reason: str, *, after_s: float | None = None, advice: str = "", is_limit: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        """One line for the screen."""
        self.after_s = after_s
        """Seconds that the endpoint asks to wait."""
        self.advice = advice
        """A sentence for the final error message."""
        self.is_limit = is_limit
        """Too many requests; nothing else is wrong."""
        self.lost: Used | None = None
        """Usage of the answer until it broke off."""
        self.attempts = 1
        """Requests in all, where this was the last one."""


class SilenceClock:
    """Time since the last sign of life of an endpoint."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.alive()

    def alive(self) -> None:
        """Restart: the endpoint has sent something."""
        self._since = monotonic()

    def excuse(self, seconds: float) -> None:
        """Exclude our own waits from the deadline."""
        self._since += seconds

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._since + self._deadline_s - monotonic())


class AskedOrDoubled(wait_base):
    """Wait as long as the endpoint asks, else twice as long each time, with jitter."""

    def __init__(self, first_s: float) -> None:
        self._doubled = wait_exponential(multiplier=first_s, max=LONGEST_WAIT_S)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds before the next attempt."""
        after_s = _fault(retry_state).after_s
        return self._doubled(retry_state) * uniform(0.5, 1.0) if after_s is None else after_s


def _fault(state: RetryCallState) -> Passing:
    fault = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(fault, Passing)
    return fault


async def retried(
    ask: Callable[[], Awaitable[T]], *, patience: Patience, clock: SilenceClock, on_retry: OnRetry | None
) -> T:
    """Call `ask` until it doesn't raise `Passing`, with doubling waits.

    Raises:
        Passing: the last one, when attempts or time are used up.
    """

    async def report(state: RetryCallState) -> None:
        fault = _fault(state)
        if on_retry is not None:
            wait_s = round(state.upcoming_sleep, 3)
            attempt = state.attempt_number
            await on_retry(Retry(attempt=attempt, wait_s=wait_s, reason=fault.reason, lost=fault.lost))

    def is_over(state: RetryCallState) -> bool:
        _fault(state).attempts = state.attempt_number
        # A wait that would end behind the deadline is not worth starting.
        return state.attempt_number >= patience.attempts or state.upcoming_sleep >= clock.left_s

    policy = AsyncRetrying(
        retry=retry_if_exception_type(Passing),
        wait=AskedOrDoubled(patience.first_wait_s),
        stop=is_over,
        before_sleep=report,
        reraise=True,
    )
    return await policy(ask)


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, from a number or an HTTP date; None if it is neither."""
    value = headers.get("retry-after", "").strip()
    for number, unit in ((headers.get("retry-after-ms", ""), 1000), (value, 1)):
        try:
            if 0 <= (seconds := float(number) / unit) < inf:
                return seconds
        except ValueError:
            continue
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


LONGEST_REST_S = 60.0


class Lane:
    """Slots and rate of calls to one endpoint."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, asyncio.Semaphore]]
        self._slots = WeakKeyDictionary()
        self._next_at = 0.0
        self._rests_until = 0.0

    def rest(self, seconds: float) -> None:
        """Pause all calls for this long, or until a retry makes sense."""
        self._rests_until = max(self._rests_until, monotonic() + min(seconds, LONGEST_REST_S))

    @property
    def rests_s(self) -> float:
        """Seconds until the endpoint may be called again; 0 if now."""
        return max(0.0, self._rests_until - monotonic())

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Slot for one call; slots are granted first come, first served.

        Calls of one event loop are counted together; `solve_sync` in a thread has a loop of its own.
        """
        if (most := self.limits.concurrency) is None:
            await self._turn()
            yield
            return
        slots = self._slots.setdefault(asyncio.get_running_loop(), {})
        async with slots.setdefault(most, asyncio.Semaphore(most)):
            await self._turn()
            yield

    async def _turn(self) -> None:
        """Wait until the rate allows another call."""
        if self.limits.requests_per_minute is not None:
            now = monotonic()
            at = max(now, self._next_at)
            self._next_at = at + 60 / self.limits.requests_per_minute
            await asyncio.sleep(at - now)


_LANES: dict[str, Lane] = {}


def lane_of(endpoint: Endpoint) -> Lane:
    """The process's lane for an address and a key, which keeps these limits from now on."""
    lane = _LANES.setdefault(endpoint.place, Lane(endpoint.limits))
    lane.limits = lane.limits.and_also(endpoint.limits)
    return lane
