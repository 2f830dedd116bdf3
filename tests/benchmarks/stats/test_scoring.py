"""Reports: the denominator is all cases, and what can't be known is null."""

from typing import get_args

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report import Report, SampleUsage
from benchmarks.reports.figures import facts, scores
from benchmarks.stats.scores import score_interval
from benchmarks.stats.scoring import make_report, recompute_figures
from benchmarks.suite import FunctionCase, Suite
from benchmarks.verdict import STRENGTHS, Outcome, Strength, Verdict, is_as_strong
from tests.benchmarks.reports.reports_made import report_of, suite_of

SUITE = Suite(
    name="small",
    version="1",
    cases=tuple(FunctionCase(id=name, prompt="", entry_point="f", test="") for name in "abcd"),
)


def verdict(
    case: str, outcome: Outcome = "passed", sample: int = 0, strength: Strength = "strong"
) -> Verdict:
    return Verdict(id=case, sample=sample, verdict=outcome, strength=strength)


def report(*verdicts: Verdict, **fields: object) -> Report:
    return make_report(SUITE, verdicts, digests={"judge": "j"}, **fields)  # type: ignore[arg-type]


def test_a_case_without_a_sample_is_in_the_denominator() -> None:
    suite_report = report(verdict("a"), verdict("c"))

    assert suite_report.pass_at["1"] == 0.5
    assert suite_report.missing == ("b", "d")
    assert suite_report.bounds == (0.5, 1.0)


def test_a_report_says_kind_and_difficulty_of_each_case() -> None:
    hard = SUITE.cases[0].model_copy(update={"difficulty": "hard"})
    suite = SUITE.model_copy(update={"cases": (hard, *SUITE.cases[1:])})

    suite_report = make_report(suite, [verdict("b")], digests={})

    assert suite_report.kinds == dict.fromkeys("abcd", "function")
    assert suite_report.difficulties == {"a": "hard"}


def test_pass_at_k_is_null_where_samples_are_too_few() -> None:
    many = [verdict("a", "passed" if i else "failed", i) for i in range(10)]

    suite_report = report(*many, *(verdict(case) for case in "bcd"), ks=(1, 10))

    assert suite_report.pass_at == {"1": pytest.approx((0.9 + 3) / 4), "10": None}


def test_of_copies_of_one_draw_one_that_was_judged_is_scored() -> None:
    letters = {"a": "pff", "b": "ip", "c": "f"}

    copies, draws = (report_of(letters, greedy=greedy) for greedy in (True, False))

    assert copies.pass_at["1"] == pytest.approx(2 / 3)
    assert draws.pass_at["1"] == pytest.approx((1 / 3 + 1 / 2) / 3)
    assert recompute_figures(copies) == copies


def test_cases_of_which_some_samples_pass_are_named() -> None:
    rows = dict(facts(report_of({"a": "pf", "b": "pp", "c": "fpi", "d": "pi"})))

    assert rows["varying"] == "2 cases: a, c"
    assert "varying" not in dict(facts(report_of({"a": "p"})))


def test_pass_at_k_is_of_the_k_that_was_sampled() -> None:
    many = [verdict(case, sample=i) for case in "abcd" for i in range(12)]

    assert [*report(*many).pass_at] == ["1", "10", "12"]
    assert [*report(*(verdict(case) for case in "abcd")).pass_at] == ["1"]


def test_pass_at_k_is_null_for_samples_that_depend_on_one_another() -> None:
    many = [verdict(case, sample=i) for case in "abcd" for i in range(2)]

    assert report(*many, ks=(1, 2), independent=False).pass_at == {"1": 1.0, "2": None}


def test_samples_that_were_drawn_greedily_are_one_draw() -> None:
    many = [verdict(case, sample=i) for case in "abcd" for i in range(2)]

    greedy, single = report(*many, ks=(1, 2), greedy=True), report(*many[::2], greedy=True)

    assert (greedy.pass_at, greedy.independent) == ({"1": 1.0, "2": None}, False)
    assert single.independent
    assert ("drawn" in dict(facts(greedy)), "drawn" in dict(facts(single))) == (True, False)


def test_the_standard_error_is_over_the_cases_and_stands_beside_the_interval() -> None:
    suite_report = report(verdict("a"), verdict("a", "failed", 1), verdict("b"), verdict("c", "failed"))

    # numpy.std([0.5, 1, 0, 0], ddof=1) / 2
    assert suite_report.standard_error == pytest.approx(0.23935677693908453)
    assert "standard error 23.9)" in dict(scores(suite_report))["pass@1"]


def test_an_infrastructure_failure_stays_in_the_denominator_and_opens_the_bounds() -> None:
    suite_report = report(*(verdict(case) for case in "abc"), verdict("d", "infrastructure"))

    assert suite_report.pass_at["1"] == 0.75
    assert suite_report.bounds == (0.75, 1.0)


ENDINGS = st.lists(
    st.tuples(st.sampled_from(get_args(Outcome)), st.sampled_from(STRENGTHS)), min_size=1, max_size=3
)
"""Outcome and strength of the samples of a case."""


@pytest.mark.slow
@given(st.lists(ENDINGS, min_size=4, max_size=4), st.none() | st.sampled_from(STRENGTHS))
def test_the_rate_is_over_all_cases_and_its_parts_by_strength_add_up_to_it(
    endings: list[list[tuple[Outcome, Strength]]], least: Strength | None
) -> None:
    verdicts = [
        verdict(case, outcome, sample, strength)
        for case, samples in zip("abcd", endings, strict=True)
        for sample, (outcome, strength) in enumerate(samples)
    ]

    suite_report = report(*verdicts, min_strength=least)

    counted = [
        sum(outcome == "passed" and is_as_strong(how, least or "weak") for outcome, how in samples)
        for samples in endings
    ]
    shares = [passed / len(samples) for passed, samples in zip(counted, endings, strict=True)]
    assert suite_report.pass_at["1"] == pytest.approx(sum(shares) / 4)
    assert sum(suite_report.shares.values()) == pytest.approx(sum(shares) / 4)
    assert all(is_as_strong(how, least or "weak") for how in suite_report.shares)
    assert (suite_report.bounds or (1,))[0] == pytest.approx(sum(shares) / 4)


def test_a_failure_counts_however_weakly_it_was_judged() -> None:
    suite_report = report(*(verdict(case) for case in "abc"), verdict("d", "failed", strength="weak"))

    assert suite_report.pass_at["1"] == 0.75
    assert dict(scores(suite_report))["by strength"] == "strong 75.0 %"


def test_a_suite_whose_cases_are_all_weak_has_a_rate() -> None:
    weak = [verdict(case, "passed" if case < "d" else "failed", strength="weak") for case in "abcd"]

    assert report(*weak).pass_at["1"] == 0.75
    assert report(*weak).shares == {"weak": 0.75}
    assert report(*weak, min_strength="decoyed").pass_at["1"] == 0


def test_a_minimum_strength_makes_weaker_passes_failures_and_a_report_says_how_many() -> None:
    mixed = [
        verdict("a"),
        verdict("b", strength="weak"),
        verdict("c", strength="apart"),
        verdict("d", "failed"),
    ]

    suite_report = report(*mixed, min_strength="apart")

    assert (suite_report.pass_at["1"], suite_report.shares) == (0.5, {"strong": 0.25, "apart": 0.25})
    assert dict(facts(suite_report))["min strength"] == "passes below apart count as not passed: 1 of them"
    assert recompute_figures(suite_report) == suite_report


def test_base_tests_count_by_the_minimum_strength_too() -> None:
    verdicts = [
        verdict(case, strength=how).model_copy(update={"base": "passed"})
        for case, how in zip("abcd", STRENGTHS[:2] + STRENGTHS[-2:], strict=True)
    ]

    assert (report(*verdicts, min_strength="decoyed").base_pass_at or {})["1"] == 0.5


def test_base_tests_are_scored_apart() -> None:
    verdicts = [verdict(case, "failed").model_copy(update={"base": "passed"}) for case in "abcd"]

    suite_report = report(*verdicts)

    assert (suite_report.pass_at["1"], (suite_report.base_pass_at or {})["1"]) == (0, 1)


@pytest.mark.parametrize(
    "outcome", ["failed", "timeout", "error", "tampered", "suspicious", "infrastructure"]
)
def test_only_passed_passes(outcome: Outcome) -> None:
    assert report(*(verdict(case, outcome) for case in "abcd")).pass_at["1"] == 0


@pytest.mark.parametrize(("outcome", "passed"), [("passed", 4), ("failed", 0)])
def test_several_samples_a_case_that_all_end_alike_leave_an_interval_that_is_no_point(
    outcome: Outcome, passed: int
) -> None:
    suite_report = report(*(verdict(case, outcome, i) for case in "abcd" for i in range(5)))

    expected = scipy.stats.binomtest(passed, 4).proportion_ci(0.95, method="wilson")
    assert suite_report.interval == pytest.approx(tuple(expected), abs=1e-9)
    assert suite_report.interval_method == "wilson"


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_the_interval_is_wilsons_over_cases_by_the_shares_of_their_samples(
    drawn: list[tuple[int, int]],
) -> None:
    counts = [(samples, min(samples, passed)) for samples, passed in drawn]
    share = sum(passed / samples for samples, passed in counts)

    lower, upper = score_interval(counts)

    z, cases = scipy.stats.norm.ppf(0.975), len(counts)
    for bound in (lower, upper):  # Wilson 1927: where the share is z standard errors of the bound away
        away = (share / cases - bound) ** 2
        assert away == pytest.approx(z**2 * bound * (1 - bound) / cases, abs=1e-9)
    assert lower <= share / len(counts) <= upper
    assert lower < upper


@pytest.mark.parametrize("wrong", [[verdict("x")], [verdict("a"), verdict("a", "failed")]])
def test_verdicts_of_strange_cases_and_twins_are_refused(wrong: list[Verdict]) -> None:
    with pytest.raises(ValueError, match=r"no case|Two verdicts"):
        report(*wrong)


@pytest.mark.slow
@given(st.permutations([verdict(case, sample=i) for case in "abcd" for i in range(2)]))
def test_the_order_of_verdicts_changes_nothing(verdicts: list[Verdict]) -> None:
    assert report(*verdicts).verdicts == report(*reversed(verdicts)).verdicts


def test_a_cost_that_is_known_in_part_only_is_none() -> None:
    known_usage, unknown = SampleUsage(id="a", sample=0, cost_usd=0.5), SampleUsage(id="b", sample=0)

    assert report(verdict("a"), usage=[known_usage, known_usage]).cost_usd == 1
    assert report(verdict("a"), usage=[known_usage, unknown]).cost_usd is None


def test_samples_that_are_missing_widen_the_bounds_and_leave_the_score() -> None:
    suite = suite_of("a", "b")
    verdicts = report_of({"a": "pp", "b": "p"}, suite=suite).verdicts

    report = make_report(suite, verdicts, digests={}, samples=4)

    assert (report.pass_at["1"], report.missing_samples) == (1.0, {"a": 2, "b": 3})
    assert report.bounds == ((2 / 4 + 1 / 4) / 2, 1.0)
    assert recompute_figures(report) == report
    assert dict(facts(report))["missing"] == "5 samples of 2 cases"
