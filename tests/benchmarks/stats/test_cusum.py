"""The watch over a series of scores: seldom a false alarm, and soon a true one."""

import itertools
from random import Random
from statistics import fmean, median

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats.alarm_limit import alarm_limit
from benchmarks.stats.cusum import MIN_REFERENCE, cusum, normal_value

CASES = 50


def score(rate: float, draw: Random) -> float:
    return sum(draw.random() < rate for _ in range(CASES)) / CASES


def rounds_to_alarm(draw: Random, limit: float, *, rate: float, drop: float, most: int) -> int:
    """How many rounds after the reference the first alarm comes; `most` if none comes before."""
    before = [score(rate, draw) for _ in range(MIN_REFERENCE)]
    after = [score(rate - drop, draw) for _ in range(most)]
    sums = cusum([*before, *after], [1 / CASES] * (MIN_REFERENCE + most)).sums[MIN_REFERENCE:]
    return next((number for number, total in enumerate(sums, 1) if total > limit), most)


@given(st.floats(-30, 30), st.integers(MIN_REFERENCE - 1, 400))
def test_the_normal_value_is_as_probable_as_one_of_students_distribution(t: float, degrees: int) -> None:
    exact = float(scipy.stats.norm.isf(scipy.stats.t.sf(abs(t), degrees)))

    assert min(6.0, abs(normal_value(t, degrees))) == pytest.approx(min(6.0, exact), abs=0.02)
    assert normal_value(-t, degrees) == -normal_value(t, degrees)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.7, 0.99])
def test_an_unchanged_series_has_an_alarm_once_in_two_hundred_rounds_also_near_one(rate: float) -> None:
    draw, limit = Random(13), alarm_limit((round(20 * rate * CASES),), 20 * CASES)

    waits = [rounds_to_alarm(draw, limit, rate=rate, drop=0.0, most=60) for _ in range(400)]

    # A mean of 200 rounds means an alarm in 26 % of 60 rounds; one of 100, in 45 %.
    assert 0.18 <= sum(wait < 60 for wait in waits) / len(waits) <= 0.34


def test_a_worse_series_is_noticed_the_sooner_the_worse_it_is() -> None:
    draw, limit = Random(14), alarm_limit((14,) * CASES, 20)

    slow, fast = (
        median(rounds_to_alarm(draw, limit, rate=0.7, drop=drop, most=40) for _ in range(30))
        for drop in (0.06, 0.2)
    )

    assert fast <= 4
    assert fast < slow <= 25


def test_the_rounds_of_a_change_are_no_reference_for_it() -> None:
    steady = [0.5, 0.6] * 10

    sums = cusum([*steady, *[0.5] * 12], [0.1] * 32).sums[20:]

    rises = [after - before for before, after in itertools.pairwise([0.0, *sums])]
    assert rises == pytest.approx([rises[0]] * 12)


def test_a_better_series_raises_no_alarm() -> None:
    scores = [0.5, 0.6] * 10 + [0.9] * 20

    assert cusum(scores, [0.1] * len(scores)).sums[-1] == 0


@pytest.mark.parametrize("count", [0, 1, 20])
def test_too_few_scores_are_learned_from(count: int) -> None:
    state = cusum([0.5] * count, [0.1] * count)

    assert (state.is_learning, state.is_alarm(4.0), len(state.sums)) == (True, False, count)


def test_the_begin_of_what_became_worse_is_known() -> None:
    scores = [0.5, 0.6] * 12 + [0.3] * 3

    state = cusum(scores, [0.1] * len(scores))

    assert (state.is_alarm(4.0), state.began) == (True, 24)


def test_one_failure_in_a_series_without_any_isnt_endlessly_far() -> None:
    state = cusum([1.0] * 30 + [0.98], [0.02] * 31)

    assert fmean(state.sums) < 1
    assert not state.is_alarm(4.0)
