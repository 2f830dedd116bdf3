"""When to ask again: only what can heal, never past the deadline, as the endpoint wishes (Retry-After)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import uniform
from time import monotonic

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from coder.models.endpoint import Patience
from coder.models.model import OnRetry, Retry

LONGEST_WAIT_S = 8.0
"""Between two requests, unless the endpoint asks for more."""


class Passing(Exception):
    """A fault that may pass: asking again can help.

    Args:
        reason: one line for the screen.
        after_s: how long the endpoint asks to wait; None where it doesn't say.
        advice: a sentence for the end, when it has not passed.
    """

    def __init__(self, reason: str, *, after_s: float | None = None, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s
        self.advice = advice


class Clock:
    """Time without a sign of life; an endpoint that sends something starts it anew."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.alive()

    def alive(self) -> None:
        """The endpoint has just shown that it works."""
        self._since = monotonic()

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._since + self._deadline_s - monotonic())


def retrying(patience: Patience, clock: Clock, *, on_retry: OnRetry | None) -> AsyncRetrying:
    """tenacity, told to retry `Passing` alone; when it gives up, the last Passing is raised."""

    def wait(state: RetryCallState) -> float:
        asked = _fault(state).after_s
        if asked is not None:
            return asked
        doubled = patience.first_wait_s * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_WAIT_S, doubled) * uniform(0.5, 1.0)

    def spent(state: RetryCallState) -> bool:
        # A wait that would end behind the deadline is not worth starting.
        return state.attempt_number >= patience.attempts or state.upcoming_sleep >= clock.left_s

    async def tell(state: RetryCallState) -> None:
        if on_retry is not None:
            await on_retry(
                Retry(
                    attempt=state.attempt_number,
                    wait_s=round(state.upcoming_sleep, 3),
                    reason=_fault(state).reason,
                )
            )

    return AsyncRetrying(
        retry=retry_if_exception_type(Passing), wait=wait, stop=spent, before_sleep=tell, reraise=True
    )


def _fault(state: RetryCallState) -> Passing:
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, Passing):
        raise TypeError(f"only Passing is retried, not {fault!r}")
    return fault


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks to wait, by a number or an HTTP date; None where by neither."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _number(value: str) -> float | None:
    """A finite number >= 0, else None."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
