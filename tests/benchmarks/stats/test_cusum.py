"""The watch over a series of scores: seldom a false alarm, and soon a true one."""

import itertools
from random import Random
from statistics import fmean, median

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats.cusum import LIMIT, MIN_REFERENCE, cusum, t_distribution

CASES = 50


def score(rate: float, draw: Random) -> float:
    return sum(draw.random() < rate for _ in range(CASES)) / CASES


def rounds_to_alarm(draw: Random, *, drop: float, most: int) -> int:
    """How many rounds after the reference the first alarm comes; `most` if none comes before."""
    before = [score(0.7, draw) for _ in range(MIN_REFERENCE)]
    after = [score(0.7 - drop, draw) for _ in range(most)]
    sums = cusum([*before, *after], [1 / CASES] * (MIN_REFERENCE + most)).sums[MIN_REFERENCE:]
    return next((number for number, total in enumerate(sums, 1) if total > LIMIT), most)


@given(st.floats(-30, 30), st.integers(1, 60))
def test_students_distribution_is_scipys(t: float, degrees: int) -> None:
    assert t_distribution(t, degrees) == pytest.approx(float(scipy.stats.t.cdf(t, degrees)), abs=1e-9)


@pytest.mark.slow
def test_a_quiet_series_has_few_alarms() -> None:
    draw = Random(13)

    waits = [rounds_to_alarm(draw, drop=0.0, most=60) for _ in range(150)]

    # A mean of 240 rounds means an alarm in a quarter of 60 rounds.
    assert 0.12 <= sum(wait < 60 for wait in waits) / len(waits) <= 0.38


def test_a_worse_series_is_noticed_the_sooner_the_worse_it_is() -> None:
    draw = Random(14)

    slow, fast = (
        median(rounds_to_alarm(draw, drop=drop, most=40) for _ in range(30)) for drop in (0.06, 0.2)
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

    assert (state.is_learning, state.is_alarm, len(state.sums)) == (True, False, count)


def test_the_begin_of_what_became_worse_is_known() -> None:
    scores = [0.5, 0.6] * 12 + [0.3] * 3

    state = cusum(scores, [0.1] * len(scores))

    assert (state.is_alarm, state.began) == (True, 24)


def test_one_failure_in_a_series_without_any_isnt_endlessly_far() -> None:
    state = cusum([1.0] * 30 + [0.98], [0.02] * 31)

    assert fmean(state.sums) < 1
    assert not state.is_alarm
