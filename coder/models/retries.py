"""Limit the rate of requests, and retry after passing faults until the deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from random import uniform
from time import monotonic
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from coder.base.errors import ModelError
from coder.models.answer_parts import Retry
from coder.models.endpoint import Endpoint, Patience, RateLimits
from coder.models.model import OnRetry, Used

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
LONGEST_WAIT_S = 8.0
"""Longest wait between two requests, unless the endpoint asks for a longer one."""


class Passing(Exception):
    """A fault that may not occur again when the request is repeated."""

    def __init__(
        self,
        reason: str,
        *,
        after_s: float | None = None,
        advice: str = "",
        is_limit: bool = False,
        refusal: ModelError | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        """One line for the screen."""
        self.after_s = after_s
        """Seconds to wait, if the endpoint asks for it."""
        self.advice = advice
        """A sentence for the final error message."""
        self.is_limit = is_limit
        """Whether the fault is a rate limit."""
        self.refusal = refusal
        """The final error, if the fault is a refusal that may not be repeated."""
        self.lost: Used | None = None
        """Usage of the incomplete answer."""
        self.attempts = 1
        """Number of requests so far, including the one that failed."""


class SilenceClock:
    """Measures the time since an endpoint last sent anything."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.alive()

    def alive(self) -> None:
        """Restart the timeout, as the endpoint has sent data."""
        self._since = monotonic()

    def excuse(self, seconds: float) -> None:
        """Exclude seconds that we waited ourselves from the deadline."""
        self._since += seconds

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._since + self._deadline_s - monotonic())


def asked_or_doubled(first_s: float) -> "Callable[[RetryCallState], float]":
    """Return a wait strategy of tenacity: the endpoint's own delay, else doubling with jitter."""
    from tenacity import wait_exponential

    doubled = wait_exponential(multiplier=first_s, max=LONGEST_WAIT_S)

    def wait_s(state: "RetryCallState") -> float:
        after_s = _fault(state).after_s
        return doubled(state) * uniform(0.5, 1.0) if after_s is None else after_s

    return wait_s


def _fault(state: "RetryCallState") -> Passing:
    fault = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(fault, Passing)
    return fault


async def retry_passing(
    ask: Callable[[], Awaitable[T]], *, patience: Patience, clock: SilenceClock, on_retry: OnRetry | None
) -> T:
    """Call `ask` until it doesn't raise `Passing`; wait as long as the endpoint asks, else with doubling.

    Raises:
        Passing: attempts or time are used up.
    """
    from tenacity import AsyncRetrying, retry_if_exception_type  # imported late: the sandbox opens before

    async def report(state: "RetryCallState") -> None:
        fault = _fault(state)
        if on_retry is not None:
            wait_s = round(state.upcoming_sleep, 3)
            attempt = state.attempt_number
            await on_retry(Retry(attempt=attempt, wait_s=wait_s, reason=fault.reason, lost=fault.lost))

    def is_over(state: "RetryCallState") -> bool:
        _fault(state).attempts = state.attempt_number
        # A wait that would end after the deadline is useless.
        return state.attempt_number >= patience.attempts or state.upcoming_sleep >= clock.left_s

    policy = AsyncRetrying(
        retry=retry_if_exception_type(Passing),
        wait=asked_or_doubled(patience.first_wait_s),
        stop=is_over,
        before_sleep=report,
        reraise=True,
    )
    return await policy(ask)


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds in a Retry-After header, from a number or an HTTP date; None if it has neither."""
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
    """Limits concurrency and rate of the calls to one endpoint."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, asyncio.Semaphore]]
        self._slots = WeakKeyDictionary()
        self._next_at = 0.0
        self._rests_until = 0.0

    def rest(self, seconds: float) -> None:
        """Pause all calls for this many seconds, but not longer than LONGEST_REST_S."""
        self._rests_until = max(self._rests_until, monotonic() + min(seconds, LONGEST_REST_S))

    @property
    def rests_s(self) -> float:
        """Seconds until the endpoint may be called again; 0 if now."""
        return max(0.0, self._rests_until - monotonic())

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Take a slot for one call; slots are granted first come, first served.

        Each event loop counts its own slots, also that of `solve_sync` in a thread.
        """
        if (concurrency := self.limits.concurrency) is None:
            await self._wait_for_rate()
            yield
            return
        slots = self._slots.setdefault(asyncio.get_running_loop(), {})
        async with slots.setdefault(concurrency, asyncio.Semaphore(concurrency)):
            await self._wait_for_rate()
            yield

    async def _wait_for_rate(self) -> None:
        """Wait until the rate allows another call."""
        if self.limits.requests_per_minute is not None:
            now = monotonic()
            start = max(now, self._next_at)
            self._next_at = start + 60 / self.limits.requests_per_minute
            await asyncio.sleep(start - now)


_LANES: dict[str, Lane] = {}


def lane_of(endpoint: Endpoint) -> Lane:
    """Return the process's lane for an endpoint, and apply the endpoint's limits to the lane."""
    lane = _LANES.setdefault(endpoint.place, Lane(endpoint.limits))
    lane.limits = lane.limits.and_also(endpoint.limits)
    return lane
