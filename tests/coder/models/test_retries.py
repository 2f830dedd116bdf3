from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.endpoint import Patience
from coder.models.model import Retry
from coder.models.retries import Clock, Passing, reset_s, retry_after_s, retrying

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.integers(min_value=0, max_value=10**9))
def test_retry_after_in_seconds_is_that_many_seconds(seconds: int) -> None:
    assert retry_after_s({"retry-after": str(seconds)}, now=NOW) == seconds


@given(st.integers(min_value=-(10**8), max_value=10**8))
def test_retry_after_as_a_date_is_the_time_until_then_and_never_negative(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s({"retry-after": date}, now=NOW) == max(0, seconds)


@given(st.text(max_size=40) | st.sampled_from(["nan", "inf", "-1", "1e999", "Thu, 99 Foo 2026 00:00:00 GMT"]))
def test_any_other_retry_after_is_a_number_of_seconds_or_nothing(value: str) -> None:
    seconds = retry_after_s({"retry-after": value}, now=NOW)

    assert seconds is None or 0 <= seconds < float("inf")


def test_milliseconds_win_over_seconds() -> None:
    assert retry_after_s({"retry-after-ms": "250", "retry-after": "9"}) == 0.25


def test_without_a_header_nothing_is_asked() -> None:
    assert retry_after_s({}) is None


async def _waits(patience: Patience, fault: Passing) -> list[Retry]:
    """The retries that a call makes which never succeeds."""
    told: list[Retry] = []

    async def tell(retry: Retry) -> None:
        told.append(retry)

    async def fail() -> None:
        raise fault

    with pytest.raises(Passing):
        await retrying(patience, Clock(patience.deadline_s), on_retry=tell)(fail)
    return told


async def test_waits_double_with_jitter() -> None:
    told = await _waits(Patience(first_wait_s=0.02, attempts=4), Passing("x"))

    for retry, longest in zip(told, [0.02, 0.04, 0.08], strict=True):
        assert longest / 2 <= retry.wait_s <= longest


async def test_a_wait_that_the_endpoint_asks_for_is_kept_exactly() -> None:
    told = await _waits(Patience(attempts=2), Passing("x", after_s=0.05))

    assert [retry.wait_s for retry in told] == [0.05]


async def test_no_wait_is_begun_that_would_end_behind_the_deadline() -> None:
    told = await _waits(Patience(deadline_s=5), Passing("x", after_s=5.1))

    assert told == []


async def test_other_errors_are_never_retried() -> None:
    calls: list[int] = []

    async def fail() -> None:
        calls.append(1)
        raise KeyError("programming")

    with pytest.raises(KeyError):
        await retrying(Patience(), Clock(30), on_retry=None)(fail)

    assert calls == [1]


SPENT = {"x-ratelimit-remaining-requests": "0", "anthropic-ratelimit-tokens-remaining": "0"}


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("x-ratelimit-reset-requests", "1s", 1),
        ("x-ratelimit-reset-requests", "6m0s", 360),
        ("x-ratelimit-reset-requests", "1h2m3.5s", 3723.5),
        ("x-ratelimit-reset-requests", "20ms", 0.02),
        ("X-RateLimit-Reset", "17", 17),
        ("X-RateLimit-Reset", str(int(NOW.timestamp()) + 30), 30),
        ("X-RateLimit-Reset", str(int(NOW.timestamp() * 1000) + 30_000), 30),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:01:00Z", 60),
        ("anthropic-ratelimit-tokens-reset", "2025-12-31T23:00:00Z", 0),
        ("x-ratelimit-reset-tokens", "soon", None),
        ("x-ratelimit-reset-tokens", "", None),
        ("retry", "5", None),
    ],
)
def test_the_time_until_a_limit_is_counted_anew_is_read_in_every_dialect(
    name: str, value: str, seconds: float | None
) -> None:
    found = reset_s({**SPENT, name: value}, now=NOW)

    assert found == (pytest.approx(seconds) if seconds is not None else None)


def test_a_limit_that_is_not_spent_is_not_waited_for() -> None:
    headers = {"x-ratelimit-remaining-tokens": "5000", "x-ratelimit-reset-tokens": "60s"}

    assert reset_s(headers, now=NOW) is None


@given(st.text(max_size=30) | st.floats().map(str) | st.integers().map(str))
def test_any_other_time_of_a_limit_is_a_number_of_seconds_or_nothing(value: str) -> None:
    seconds = reset_s({"x-ratelimit-reset": value}, now=NOW)

    assert seconds is None or 0 <= seconds < float("inf")
