"""When to ask again: only what can heal, never past the deadline, as the endpoint wishes (Retry-After)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import uniform
from time import monotonic
from typing import TYPE_CHECKING

from coder.models.endpoint import Patience
from coder.models.model import OnRetry, Retry, Used

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

LONGEST_WAIT_S = 8.0
"""Between two requests, unless the endpoint asks for more."""


class Passing(Exception):
    """A fault that may pass: asking again can help.

    Args:
        reason: one line for the screen.
        after_s: how long the endpoint asks to wait; None where it doesn't say.
        advice: a sentence for the end, when it has not passed.
        is_limit: there were too many requests; nothing is wrong otherwise.
    """

    def __init__(
        self, reason: str, *, after_s: float | None = None, advice: str = "", is_limit: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s
        self.advice = advice
        self.is_limit = is_limit
        self.lost: Used | None = None
        """What the answer had used when it broke off."""


class Clock:
    """Time without a sign of life; an endpoint that sends something starts it anew."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.alive()

    def alive(self) -> None:
        """The endpoint has just shown that it works."""
        self._since = monotonic()

    def excuse(self, seconds: float) -> None:
        """So long we waited by our own will."""
        self._since += seconds

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._since + self._deadline_s - monotonic())


def retrying(patience: Patience, clock: Clock, *, on_retry: OnRetry | None) -> "AsyncRetrying":
    """tenacity, told to retry `Passing` alone; when it gives up, the last Passing is raised."""
    from tenacity import AsyncRetrying, retry_if_exception_type  # it imports all of tornado where that is

    def wait(state: "RetryCallState") -> float:
        asked = _fault(state).after_s
        if asked is not None:
            return asked
        doubled = patience.first_wait_s * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_WAIT_S, doubled) * uniform(0.5, 1.0)

    def spent(state: "RetryCallState") -> bool:
        # A wait that would end behind the deadline is not worth starting.
        return state.attempt_number >= patience.attempts or state.upcoming_sleep >= clock.left_s

    async def tell(state: "RetryCallState") -> None:
        if on_retry is not None:
            await on_retry(
                Retry(
                    attempt=state.attempt_number,
                    wait_s=round(state.upcoming_sleep, 3),
                    reason=_fault(state).reason,
                    lost=_fault(state).lost,
                )
            )

    return AsyncRetrying(
        retry=retry_if_exception_type(Passing), wait=wait, stop=spent, before_sleep=tell, reraise=True
    )


def _fault(state: "RetryCallState") -> Passing:
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


def reset_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds until a limit that is spent is counted anew, as the headers of rate limits say; None: unsaid.

    The field's own dialects: OpenAI's and Groq's `1m30.5s` and `20ms`, Anthropic's date (RFC 3339), seconds,
    and seconds or milliseconds since the epoch.
    """
    spent = [
        after
        for name, value in headers.items()
        if (match := _RESET.fullmatch(name.lower())) and _is_spent(headers, match)
        if (after := _until(value.strip(), now or datetime.now(UTC))) is not None
    ]
    return max(spent, default=None)


_RESET = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:(?:input-|output-)?(?:requests|tokens)-)?reset(?:-\w+)?")
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_SPAN_UNITS = (86_400, 3_600, 60, 1, 0.001)
_EPOCH = 1_000_000_000
"""Numbers above this are times, not spans: no limit is counted anew in 30 years."""


def _is_spent(headers: Mapping[str, str], reset: re.Match[str]) -> bool:
    """Whether what is counted anew then has come to its end; where it isn't told, it may have."""
    left = headers.get(reset.string.lower().replace("reset", "remaining"))
    return left is None or _number(left) == 0


def _until(value: str, now: datetime) -> float | None:
    number = _number(value)
    if number is not None:
        if number < _EPOCH:
            return number
        since = number / 1000 if number > 1000 * _EPOCH else number
        return max(0.0, since - now.timestamp())
    span = _SPAN.fullmatch(value)
    if value and span is not None:
        return sum(float(part) * unit for part, unit in zip(span.groups(), _SPAN_UNITS, strict=True) if part)
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


def _number(value: str) -> float | None:
    """A finite number >= 0, else None."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
