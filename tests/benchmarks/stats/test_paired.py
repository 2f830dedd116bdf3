"""The paired tests, against scipy, and their own laws."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stats.paired import bootstrap_test, difference_interval, holm, mcnemar, sign_flip
from benchmarks.stats.scores import quantile, wilson_interval

EXACT = 1e-9


@pytest.mark.slow
@given(st.integers(0, 300), st.integers(1, 300))
def test_mcnemar_is_scipys_binomial_test(lost: int, gained: int) -> None:
    expected = scipy.stats.binomtest(lost, lost + gained, 0.5).pvalue

    assert mcnemar(lost, gained) == pytest.approx(expected, abs=EXACT)


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=60))
def test_a_sign_flip_of_single_samples_is_mcnemar(signs: list[int]) -> None:
    assert sign_flip([Fraction(sign) for sign in signs]) == pytest.approx(
        mcnemar(signs.count(-1), signs.count(1)), abs=EXACT
    )


@settings(max_examples=40)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=9))
def test_a_sign_flip_is_scipys_permutation_of_signs(steps: list[int]) -> None:
    # Whole numbers, which scipy adds up without a rounding that parts equal sums.
    expected = scipy.stats.permutation_test(
        (np.array(steps),), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue

    assert sign_flip([Fraction(step, 5) for step in steps]) == pytest.approx(expected, abs=EXACT)


def test_a_sign_flip_of_many_cases_is_near_the_normal_one() -> None:
    differences = [Fraction(i % 7 - 3 + (i % 10 == 0), 7 * 11 * 13) for i in range(3000)]
    values = [float(one) for one in differences]
    expected = 2 * scipy.stats.norm.sf(abs(sum(values)) / np.sqrt(np.sum(np.square(values))))

    assert sign_flip(differences) == pytest.approx(expected, abs=0.01)


def by_closed_testing(p_values: Sequence[float]) -> list[float]:
    """Holm's procedure by its proof: the closed test of all sets of hypotheses, each by Bonferroni.

    Marcus, Peritz and Gabriel 1976, "On closed testing procedures", Biometrika 63.
    """
    numbers = range(len(p_values))
    sets = [one for size in numbers for one in combinations(numbers, size + 1)]
    of_set = {one: min(1.0, len(one) * min(p_values[i] for i in one)) for one in sets}
    return [max(of_set[one] for one in sets if number in one) for number in numbers]


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_is_the_closed_test_of_bonferronis(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(by_closed_testing(p_values), abs=EXACT)


@pytest.mark.slow
@given(st.integers(1, 2000), st.data(), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_is_scipys_wilson(cases: int, data: st.DataObject, confidence: float) -> None:
    passed = data.draw(st.integers(0, cases))
    expected = scipy.stats.binomtest(passed, cases).proportion_ci(confidence, method="wilson")

    assert wilson_interval(passed, cases, confidence=confidence) == pytest.approx(tuple(expected), abs=EXACT)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert quantile(sorted(values), share) == pytest.approx(np.quantile(values, share), abs=EXACT)


def test_the_bootstrap_is_near_scipys() -> None:
    values = [(i * 7 % 11) / 10 for i in range(120)]
    expected = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=0).confidence_interval

    assert difference_interval(values) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_the_bootstraps_p_value_is_near_the_t_tests() -> None:
    values = [(i * 7 % 11) / 10 - 0.42 for i in range(120)]

    assert bootstrap_test(values) == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue, abs=0.02)


@pytest.mark.parametrize("cases", [1, 3, 6])
def test_few_cases_that_differ_alike_show_no_more_by_a_bootstrap_than_by_their_signs(cases: int) -> None:
    assert bootstrap_test([-1.0] * cases) == sign_flip([Fraction(-1)] * cases)


def test_no_difference_has_a_p_value_of_one() -> None:
    assert mcnemar(0, 0) == sign_flip([Fraction(0)] * 5) == sign_flip([]) == bootstrap_test([0.0] * 5) == 1


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="can't be counts"):
        mcnemar(-1, 2)
