"""Comparisons: by the test that fits, and no regression is named by chance."""

import pytest

from benchmarks.stats.comparison import compare, compare_several
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import report_of, suite_of


def test_single_samples_are_compared_by_mcnemar() -> None:
    before = report_of(dict.fromkeys("abcdef", "p"))
    after = report_of(dict.fromkeys("abcdef", "f"))

    comparison = compare([before], [after])

    assert comparison.method == "mcnemar"
    assert comparison.p_value == pytest.approx(2 / 2**6)
    assert (comparison.before, comparison.after, comparison.difference) == (1, 0, -1)


def test_several_samples_are_compared_by_case_and_not_as_if_each_were_one() -> None:
    before = report_of(dict.fromkeys("abc", "pppp"))
    after = report_of(dict.fromkeys("abc", "ffff"))

    comparison = compare([before], [after])

    assert comparison.method == "sign-flip"
    assert comparison.p_value == pytest.approx(2 / 2**3)


def test_other_numbers_of_samples_are_compared_by_a_bootstrap() -> None:
    before = report_of({"a": "pp", "b": "pf"})
    after = report_of({"a": "ppp", "b": "ffp"})

    assert compare([before], [after]).method == "bootstrap"


def test_one_sample_is_no_regression_by_name() -> None:
    comparison = compare([report_of({"a": "p", "b": "f"})], [report_of({"a": "f", "b": "p"})])

    assert [(change.id, change.kind) for change in comparison.changes] == [("a", "changed"), ("b", "changed")]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("ppp", "fff", "regressed"),
        ("fff", "ppp", "recovered"),
        ("pp", "ff", "changed"),
        ("ppp", "ff", "changed"),
        ("ppf", "fff", "changed"),
        ("ppp", "ffp", "changed"),
    ],
)
def test_only_what_was_always_so_and_never_is_any_more_has_a_name(before: str, after: str, kind: str) -> None:
    comparison = compare([report_of({"a": before, "b": "p"})], [report_of({"a": after, "b": "p"})])

    assert [(change.id, change.kind) for change in comparison.changes] == [("a", kind)]


def test_repeats_count_as_samples() -> None:
    before, after = report_of({"a": "p"}), report_of({"a": "f"})

    assert compare([before] * 3, [after] * 3).named("regressed") == ["a"]


def test_a_case_without_a_sample_failed() -> None:
    suite = suite_of("a", "b")
    before, after = report_of({"a": "p", "b": "p"}, suite=suite), report_of({"a": "p"}, suite=suite)

    assert compare([before], [after]).after == 0.5


def test_other_suites_are_refused() -> None:
    with pytest.raises(UsageError, match=r"(?s)different suites: small 1 .*Run both over one suite"):
        compare([report_of({"a": "p"})], [report_of({"b": "p"})])


def test_another_judge_is_said() -> None:
    one = report_of({"a": "p"})
    other = one.model_copy(update={"digests": {**one.digests, "judge": "k", "samples": "t"}})

    assert compare([one], [other]).other == ("judge",)


def test_several_runs_are_corrected_for_being_several() -> None:
    first = report_of(dict.fromkeys("abcdef", "p"))
    worse = report_of(dict.fromkeys("abcdef", "f"))

    comparisons = compare_several(first, [worse, first])

    assert [one.corrected_p for one in comparisons] == [pytest.approx(4 / 2**6), 1]
    assert compare_several(first, [worse])[0].corrected_p is None


def test_the_same_answers_judged_twice_show_what_is_flaky() -> None:
    one, other = report_of({"a": "p", "b": "p"}, samples="s"), report_of({"a": "f", "b": "p"}, samples="s")
    elsewhere = report_of({"a": "f", "b": "p"}, samples="t")

    assert compare([one], [other]).flaky == ("a",)
    assert compare([one], [elsewhere]).flaky is None


def test_greedy_samples_of_one_run_are_one_draw_and_those_of_repeats_are_several() -> None:
    before, after = report_of({"a": "ppp"}, greedy=True), report_of({"a": "fff"}, greedy=True)

    once, repeated = compare([before], [after]), compare([before] * 3, [after] * 3)

    assert [change.kind for change in once.changes] == ["changed"]
    assert [change.kind for change in repeated.changes] == ["regressed"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # statsmodels: proportion_confint(0 or 10, 10, method="wilson"); of no change, on both sides of 0
        ("p", "p", (-0.27753279, 0.27753279)),
        ("f", "p", (0.72246721, 1.0)),
        ("p", "f", (-1.0, -0.72246721)),
    ],
)
def test_the_interval_is_no_point_where_all_cases_differ_alike(
    before: str, after: str, expected: tuple[float, float]
) -> None:
    old, new = report_of(dict.fromkeys("abcdefghij", before)), report_of(dict.fromkeys("abcdefghij", after))

    assert compare([old], [new]).interval == pytest.approx(expected, abs=1e-7)
