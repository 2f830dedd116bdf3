"""Correction of several p-values, and the interval of a share, against their definitions and scipy."""

from collections.abc import Sequence
from itertools import combinations

import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stats.paired import holm
from benchmarks.stats.scores import wilson_interval

EXACT = 1e-9


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
