"""Reports: the denominator is all cases, and what can't be known is null."""

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report import Report, SampleUsage
from benchmarks.reports.figures import facts, scores
from benchmarks.stats.scores import score_interval
from benchmarks.stats.scoring import make_report
from benchmarks.suite import FunctionCase, Suite
from benchmarks.verdict import Outcome, Strength, Verdict

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


def test_a_weaker_pass_beside_strong_verdicts_leaves_its_case_in_and_is_no_pass() -> None:
    mixed = [verdict("a"), verdict("a", sample=1, strength="weaker"), verdict("b"), verdict("b", sample=1)]

    suite_report = report(*mixed, *(verdict(case, "failed", sample=i) for case in "cd" for i in (0, 1)))

    assert suite_report.left_out == ()
    assert suite_report.pass_at["1"] == (0.5 + 1) / 4


@pytest.mark.parametrize("strength", ["weaker", "weak"])
def test_a_case_that_only_a_weaker_judging_decides_is_left_out_unless_asked_for(strength: Strength) -> None:
    verdicts = [*(verdict(case, "failed") for case in "abc"), verdict("d", strength=strength)]

    assert report(*verdicts).pass_at["1"] == 0
    assert report(*verdicts).left_out == ("d",)
    assert report(*verdicts, count_weaker=True).pass_at["1"] == 0.25


def test_a_case_that_nobody_judged_isnt_left_out_however_weakly_it_would_have_been() -> None:
    suite_report = report(
        *(verdict(case) for case in "abc"), verdict("d", "infrastructure", strength="weaker")
    )

    assert suite_report.left_out == ()
    assert suite_report.pass_at["1"] == 0.75


@pytest.mark.parametrize("count_weaker", [False, True])
def test_a_sample_that_nobody_judged_changes_nothing_about_weaker_ones(count_weaker: bool) -> None:
    weaker = [verdict("a", sample=sample, strength="weaker") for sample in (0, 1)]

    suite_report = report(*weaker, verdict("a", "infrastructure", sample=2), count_weaker=count_weaker)

    assert suite_report.left_out == (() if count_weaker else ("a",))
    assert suite_report.pass_at["1"] == pytest.approx(2 / 3 / 4 if count_weaker else 0)


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
