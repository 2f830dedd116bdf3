"""The limit above which the sum of a watch is an alarm."""

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats.alarm_limit import alarm_limit, likely_rates, passes_of_round

NEARLY_ALL = (19,) * 6 + (20,) * 24
"""Passes of 30 cases in 20 rounds: 99 % of all."""


@given(st.lists(st.integers(0, 39), min_size=7, max_size=12))
def test_the_passes_of_a_round_have_the_distribution_of_a_sum_of_binomials(passed: list[int]) -> None:
    rates, exact = likely_rates(passed, 40), np.ones(1)
    for count in passed:
        exact = np.convolve(exact, scipy.stats.binom.pmf(range(3), 2, rates[count]))

    assert passes_of_round(passed, 40) == pytest.approx(exact.tolist(), abs=1e-9)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_likely_rates_are_shares_of_the_same_mean_and_order(passed: list[int]) -> None:
    rates = likely_rates(passed, 20)

    assert sum(rates[count] for count in passed) == pytest.approx(sum(passed) / 20)
    assert [rates[count] for count in sorted(rates)] == sorted(rates.values())
    assert all(0 <= rate <= 1 for rate in rates.values())


def test_passes_that_differ_by_chance_are_of_equal_rates_and_others_are_not() -> None:
    draw = np.random.default_rng(70)
    alike, unlike = (
        draw.binomial(20, rates).tolist() for rates in (np.full(400, 0.9), np.linspace(0, 1, 400))
    )

    assert 2 * np.ptp([*likely_rates(alike, 20).values()]) < np.ptp(alike) / 20
    assert np.ptp([*likely_rates(unlike, 20).values()]) > 0.95


def test_skewed_scores_near_one_have_a_higher_limit() -> None:
    half, most, nearly_all = (alarm_limit(passed, 20) for passed in ((10,) * 30, (18,) * 30, NEARLY_ALL))

    assert half < 4 < most < 4.7 < nearly_all


def test_a_reference_in_which_nothing_failed_takes_the_limit_of_rare_failures() -> None:
    assert alarm_limit((20,) * 30, 20) == pytest.approx(alarm_limit(NEARLY_ALL, 20), abs=0.2)


@pytest.mark.parametrize(("passed", "samples"), [((0,), 20), ((20,), 20), ((0, 21), 20), ((3,) * 1000, 100)])
def test_any_reference_has_a_limit(passed: tuple[int, ...], samples: int) -> None:
    assert 1 <= alarm_limit(passed, samples) <= 60
