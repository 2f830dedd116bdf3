"""The difference of two runs: against scipy and by enumeration, and its own laws."""

from fractions import Fraction
from itertools import combinations, product
from math import isclose, prod
from random import Random

import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stats import difference as difference_module
from benchmarks.stats.difference import (
    Difference,
    Pair,
    Tally,
    difference_of,
    drop_p_value,
    score_bounds,
)


def tally(samples: int, passed: int) -> Tally:
    return Tally(samples=samples, passed=passed)


def tallies(most: int = 4) -> st.SearchStrategy[Tally]:
    return st.integers(1, most).flatmap(lambda n: st.integers(0, n).map(lambda passed: tally(n, passed)))


def singles(lost: int, gained: int, same: int) -> list[Pair]:
    passed, failed = tally(1, 1), tally(1, 0)
    return [(passed, failed)] * lost + [(failed, passed)] * gained + [(passed, passed)] * same


def by_likelihood(lost: int, gained: int, cases: int, difference: float) -> float:
    """Tango's score of a difference, whose other probability is found by maximizing the likelihood."""

    def unlikely(only_lost: float) -> float:
        chances = (only_lost, only_lost + difference, 1 - 2 * only_lost - difference)
        counts = (lost, gained, cases - lost - gained)
        return -sum(scipy.special.xlogy(count, chance) for count, chance in zip(counts, chances, strict=True))

    limits = (max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    only_lost = scipy.optimize.minimize_scalar(
        unlikely, bounds=limits, method="bounded", options={"xatol": 1e-12}
    ).x
    variance = cases * (2 * only_lost + difference * (1 - difference))
    return float((gained - lost - cases * difference) / variance**0.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(2, 40))
def test_with_one_sample_a_case_the_bounds_have_tangos_score(lost: int, gained: int, same: int) -> None:
    pairs = singles(lost, gained, same)

    low, high = difference_of(pairs).interval(0.9)

    z = scipy.stats.norm.ppf(0.95)
    assert by_likelihood(lost, gained, len(pairs), low) == pytest.approx(z, abs=2e-3)
    assert by_likelihood(lost, gained, len(pairs), high) == pytest.approx(-z, abs=2e-3)


@pytest.mark.slow
@given(st.lists(st.tuples(tallies(), tallies()), min_size=1, max_size=12))
def test_a_p_value_is_below_5_percent_where_the_interval_lacks_0_and_only_there(pairs: list[Pair]) -> None:
    difference = difference_of(pairs)
    low, high = difference.interval(0.95)

    if min(abs(low), abs(high)) > 1e-6:
        assert (difference.p_value < 0.05) == (low > 0 or high < 0)


@pytest.mark.slow
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 5))
def test_with_one_sample_a_case_the_exchange_is_scipys_binomial_test(
    lost: int, gained: int, same: int
) -> None:
    expected = scipy.stats.binomtest(gained, lost + gained, 0.5, alternative="less").pvalue

    assert drop_p_value(singles(lost, gained, same)) == pytest.approx(expected, abs=1e-9)


@given(tallies(9), tallies(9))
def test_in_one_case_the_exchange_is_scipys_fisher_test(old: Tally, new: Tally) -> None:
    table = [[new.passed, new.samples - new.passed], [old.passed, old.samples - old.passed]]
    expected = scipy.stats.fisher_exact(table, alternative="less").pvalue

    assert drop_p_value([(old, new)]) == pytest.approx(expected, abs=1e-9)


def by_enumeration(pairs: list[Pair]) -> float:
    """The same test by going through each way to deal out each case's samples."""
    sums: list[list[Fraction]] = []
    for old, new in pairs:
        results = [1] * (old.passed + new.passed) + [0] * (
            old.samples + new.samples - old.passed - new.passed
        )
        dealt = [sum(chosen) for chosen in combinations(results, new.samples)]
        sums.append([Fraction(c, new.samples) - Fraction(sum(results) - c, old.samples) for c in dealt])
    observed = sum(new.share - old.share for old, new in pairs)
    extreme = sum(sum(chosen) <= observed for chosen in product(*sums))
    return extreme / prod(len(each) for each in sums)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(tallies(3), tallies(3)), min_size=1, max_size=3))
def test_cases_with_any_numbers_of_samples_are_exchanged_within_each(pairs: list[Pair]) -> None:
    assert drop_p_value(pairs) == pytest.approx(by_enumeration(pairs), abs=1e-9)


def drawn(rates: list[float], samples: int, draw: Random) -> list[Tally]:
    return [tally(samples, sum(draw.random() < rate for _ in range(samples))) for rate in rates]


def test_an_exchange_that_is_drawn_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Random(1)
    rates = [draw.random() for _ in range(40)]
    pairs = [*zip(drawn(rates, 3, draw), drawn([rate * 0.9 for rate in rates], 3, draw), strict=True)]
    exact = drop_p_value(pairs)

    monkeypatch.setattr(difference_module, "_MAX_STEPS", 0)

    assert drop_p_value(pairs) == pytest.approx(exact, abs=0.01)
    assert drop_p_value(pairs) == drop_p_value(pairs)


def test_few_pairs_of_one_agent_show_a_drop_and_most_exclude_the_smallest_drop_that_they_can() -> None:
    draw = Random(70)
    shown = excluded = 0
    for _ in range(400):
        rates = [draw.betavariate(0.5, 0.5) for _ in range(40)]
        pairs = [*zip(drawn(rates, 3, draw), drawn(rates, 3, draw), strict=True)]
        difference = difference_of(pairs)
        shown += drop_p_value(pairs) <= 0.05
        excluded += difference.interval(0.9)[0] > -difference.excludable_drop(0.05)

    assert shown <= 28  # 7 %
    assert 300 <= excluded <= 350  # 80 % are promised


def test_few_pairs_with_a_drop_exclude_it() -> None:
    draw = Random(71)
    excluded = 0
    for _ in range(400):
        rates = [draw.betavariate(0.5, 0.5) for _ in range(40)]
        drop = 0.15 / (sum(rates) / len(rates))
        worse = [rate * (1 - drop) for rate in rates]
        pairs = [*zip(drawn(rates, 3, draw), drawn(worse, 3, draw), strict=True)]
        excluded += difference_of(pairs).interval(0.9)[0] > -0.15

    assert excluded <= 28


@pytest.mark.parametrize("samples", [1, 3])
def test_cases_that_never_vary_leave_room_for_a_drop_that_wasnt_seen(samples: int) -> None:
    pairs = [(tally(samples, samples), tally(samples, samples))] * 20

    low, high = difference_of(pairs).interval(0.9)

    # 1.645² of the samples on one side
    assert -low == pytest.approx(2.706 / (20 * samples), abs=0.02)
    assert isclose(-low, high, abs_tol=1e-9)


def test_the_smallest_drop_doesnt_depend_on_which_run_is_better() -> None:
    pairs = singles(9, 2, 30)
    turned: list[Pair] = [(new, old) for old, new in pairs]

    assert difference_of(pairs).excludable_drop(0.05) == difference_of(turned).excludable_drop(0.05)


def test_a_single_case_can_exclude_no_drop() -> None:
    assert difference_of(singles(0, 0, 1)).excludable_drop(0.05) >= 1


def test_a_case_without_a_sample_has_no_difference() -> None:
    with pytest.raises(ValueError, match="a sample of each"):
        difference_of([(tally(0, 0), tally(1, 1))])


@given(st.lists(tallies(), min_size=1, max_size=20), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_bounds_of_a_score_hold_it(some: list[Tally], confidence: float) -> None:
    low, high = score_bounds(some, confidence)
    score = float(sum(each.share for each in some) / len(some))

    assert 0 <= low <= score + 1e-9
    assert score - 1e-9 <= high <= 1


def test_a_score_of_several_samples_varies_less_than_one_of_single_samples() -> None:
    sure = [tally(4, 4)] * 10 + [tally(4, 0)] * 10
    single = [tally(1, 1)] * 10 + [tally(1, 0)] * 10

    assert score_bounds(sure, 0.9)[0] > 0.45
    assert score_bounds(single, 0.9)[0] < 0.35


def test_a_difference_is_the_mean_over_cases_however_many_samples_each_has() -> None:
    pairs = [(tally(1, 1), tally(8, 4)), (tally(4, 0), tally(2, 1))]

    difference: Difference = difference_of(pairs)

    assert (difference.value, difference.method) == (0.0, "stratified")
