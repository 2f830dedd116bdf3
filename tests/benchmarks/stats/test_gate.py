"""The gate: what it holds a report to, and what it can't decide."""

import pytest

from benchmarks.stats.gate import gate
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import report_of

FOUR_OF_FIVE = report_of({"a": "p", "b": "p", "c": "p", "d": "p", "e": "f"})


@pytest.mark.parametrize(("least", "passed"), [(0.8, True), (0.81, False), (0, True), (1, False)])
def test_the_score_has_to_reach_what_is_asked(least: float, passed: bool) -> None:
    assert gate([FOUR_OF_FIVE], min_pass=least).passed is passed


def test_a_score_of_several_draws_is_of_any_number_of_them_that_differ() -> None:
    five, alike = (report_of({"a": "pffff", "b": "fffff"}, greedy=greedy) for greedy in (False, True))

    assert gate([five], min_pass=0.5, k=5).passed
    assert not gate([five], min_pass=0.5, k=2).passed
    for reports in ([alike], [report_of({"a": "p"}, greedy=True)] * 5):
        with pytest.raises(UsageError, match="no pass@5"):
            gate(reports, min_pass=0.5, k=5)


def test_the_score_of_a_suite_whose_cases_failed_by_the_machine_isnt_lifted() -> None:
    answer = gate([report_of({"a": "p", "b": "i"})], min_pass=0.6)

    assert not answer.passed
    assert "1 sample not judged" in answer.conditions[0].text


def test_a_drop_below_the_baseline_is_refused_and_tolerated_as_far_as_one_says() -> None:
    worse = report_of({"a": "p", "b": "p", "c": "p", "d": "f", "e": "f"})

    assert not gate([worse], baseline=[FOUR_OF_FIVE]).passed
    assert gate([worse], baseline=[FOUR_OF_FIVE], tolerance=0.2).passed
    assert not gate([worse], baseline=[FOUR_OF_FIVE], tolerance=0.19).passed
    assert gate([FOUR_OF_FIVE], baseline=[worse]).passed


def test_a_regression_by_name_is_refused_though_the_score_holds() -> None:
    before = report_of({"a": "ppp", "b": "fff"})
    after = report_of({"a": "fff", "b": "ppp"})

    answer = gate([after], baseline=[before])

    assert [(one.name, one.passed) for one in answer.conditions] == [
        ("baseline", True),
        ("regressions", False),
    ]
    assert "a" in answer.conditions[1].text
    assert gate([after], baseline=[before], max_regressions=1).passed


def test_one_case_for_another_passes_with_too_few_samples_and_is_said() -> None:
    answer = gate([report_of({"a": "f", "b": "p"})], baseline=[report_of({"a": "p", "b": "f"})])

    assert answer.passed
    assert "worse, which may be chance: a" in answer.conditions[1].text


@pytest.mark.parametrize(("limit", "passed"), [(0.5, True), (0.49, False)])
def test_the_cost_has_to_stay_below_what_is_asked(limit: float, passed: bool) -> None:
    report = report_of(dict.fromkeys("abcde", "p"), cost=0.1)

    assert gate([report], max_cost=limit).passed is passed


def test_what_cant_be_decided_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to check against"):
        gate([FOUR_OF_FIVE])
    with pytest.raises(UsageError, match="no pass@10"):
        gate([FOUR_OF_FIVE], min_pass=0.5, k=10)
    with pytest.raises(UsageError, match="what it cost"):
        gate([FOUR_OF_FIVE], max_cost=1)
    with pytest.raises(UsageError, match="different suites"):
        gate([FOUR_OF_FIVE], baseline=[report_of({"a": "p"})])
