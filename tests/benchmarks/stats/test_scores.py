"""The estimators, against hand calculations and their own laws."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats.scores import pass_at_k, percent, wilson_interval


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_pass(samples: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, samples))
    k = data.draw(st.integers(1, samples))
    draws = list(combinations(range(samples), k))

    with_a_pass = sum(any(i < correct for i in draw) for draw in draws)

    assert pass_at_k(samples, correct, k) == pytest.approx(with_a_pass / len(draws), abs=1e-12)


def test_pass_at_k_needs_k_samples() -> None:
    with pytest.raises(ValueError, match="needs at least 3 samples"):
        pass_at_k(2, 1, 3)


def test_the_interval_is_wilsons() -> None:
    lower, upper = wilson_interval(8, 10)

    # statsmodels 0.15.0, proportion_confint(8, 10, method="wilson")
    assert (lower, upper) == pytest.approx((0.49016247153664183, 0.9433178485456247), abs=1e-12)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share(cases: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, cases))

    lower, upper = wilson_interval(passed, cases)

    assert 0 <= lower <= passed / cases + 1e-12
    assert passed / cases - 1e-12 <= upper <= 1


@pytest.mark.parametrize(("passed", "cases"), [(0, 0), (-1, 3), (4, 3)])
def test_impossible_counts_are_refused(passed: int, cases: int) -> None:
    with pytest.raises(ValueError, match="can't have passed"):
        wilson_interval(passed, cases)


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100.0 %"), (0.99975, "99.9 %"), (2 / 3, "66.7 %"), (0, "0.0 %")]
)
def test_one_failure_among_thousands_is_never_rounded_to_all(share: float, text: str) -> None:
    assert percent(share) == text
