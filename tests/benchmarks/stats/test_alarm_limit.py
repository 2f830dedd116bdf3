"""The limit above which the sum of a watch is an alarm."""

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats.alarm_limit import alarm_limit, passes_of_round

NEARLY_ALL = (19,) * 6 + (20,) * 24
"""Passes of 30 cases in 20 rounds: 99 % of all."""


@given(st.lists(st.integers(0, 39), min_size=7, max_size=12))
def test_the_passes_of_a_round_have_the_distribution_of_a_sum_of_binomials(passed: list[int]) -> None:
    exact = np.ones(1)
    for count in passed:
        exact = np.convolve(exact, scipy.stats.binom.pmf(range(3), 2, count / 40))

    assert passes_of_round(passed, 40) == pytest.approx(exact.tolist(), abs=1e-9)


def test_skewed_scores_near_one_have_a_higher_limit() -> None:
    half, most, nearly_all = (alarm_limit(passed, 20) for passed in ((10,) * 30, (18,) * 30, NEARLY_ALL))

    assert half < 4 < most < 4.7 < nearly_all


def test_a_reference_in_which_nothing_failed_takes_the_limit_of_rare_failures() -> None:
    assert alarm_limit((20,) * 30, 20) == pytest.approx(alarm_limit(NEARLY_ALL, 20), abs=0.2)


@pytest.mark.parametrize(("passed", "samples"), [((0,), 20), ((20,), 20), ((0, 21), 20), ((3,) * 1000, 100)])
def test_any_reference_has_a_limit(passed: tuple[int, ...], samples: int) -> None:
    assert 1 <= alarm_limit(passed, samples) <= 60
