from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.answer_parts import Retry
from coder.models.endpoint import Patience
from coder.models.retries import Passing, SilenceClock, retry_after_s, retry_passing

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
    retries: list[Retry] = []

    async def tell(retry: Retry) -> None:
        retries.append(retry)

    async def fail() -> None:
        raise fault

    with pytest.raises(Passing):
        await retry_passing(fail, patience=patience, clock=SilenceClock(patience.deadline_s), on_retry=tell)
    return retries


async def test_waits_double_with_jitter() -> None:
    retries = await _waits(Patience(first_wait_s=0.02, attempts=4), Passing("x"))

    for retry, longest in zip(retries, [0.02, 0.04, 0.08], strict=True):
        assert longest / 2 <= retry.wait_s <= longest


async def test_a_wait_that_the_endpoint_asks_for_is_kept_exactly() -> None:
    retries = await _waits(Patience(attempts=2), Passing("x", after_s=0.05))

    assert [retry.wait_s for retry in retries] == [0.05]


async def test_no_wait_is_begun_that_would_end_behind_the_deadline() -> None:
    retries = await _waits(Patience(deadline_s=5), Passing("x", after_s=5.1))

    assert retries == []


async def test_other_errors_are_never_retried() -> None:
    calls: list[int] = []

    async def fail() -> None:
        calls.append(1)
        raise KeyError("programming")

    with pytest.raises(KeyError):
        await retry_passing(fail, patience=Patience(), clock=SilenceClock(30), on_retry=None)

    assert calls == [1]
