"""The gate: what it holds a report to, and what it can't decide."""

import pytest

from benchmarks.report import Report
from benchmarks.reports.figures import gate_notes
from benchmarks.stats.gate import Decision, gate
from benchmarks.stats.scoring import make_report
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import report_of, suite_of

FOUR_OF_FIVE = report_of({"a": "p", "b": "p", "c": "p", "d": "p", "e": "f"})


def cases(**letters: int) -> Report:
    """A report of as many cases as named for each kind of letters."""
    return report_of({f"{name}{i}": name for name, count in letters.items() for i in range(count)})


def turned(report: Report, *, failing: int, samples: int = 1) -> Report:
    """A report over the same cases of which the first ones fail."""
    names = [verdict.id for verdict in report.verdicts]
    return report_of({name: ("f" if i < failing else "p") * samples for i, name in enumerate(names)})


FORTY = cases(p=40)


@pytest.mark.parametrize(
    ("least", "decision"), [(0.8, "passed"), (0.81, "failed"), (0, "passed"), (1, "failed")]
)
def test_a_strict_score_has_to_reach_what_is_asked(least: float, decision: Decision) -> None:
    assert gate([FOUR_OF_FIVE], min_pass=least, strict=True).decision == decision


@pytest.mark.parametrize(("least", "decision"), [(0.4, "passed"), (0.8, "undecided"), (0.97, "failed")])
def test_a_score_is_decided_where_its_interval_lies_on_one_side(least: float, decision: Decision) -> None:
    assert gate([FOUR_OF_FIVE], min_pass=least).decision == decision


def test_a_score_of_several_draws_is_of_any_number_of_them_that_differ() -> None:
    five, alike = (report_of({"a": "pffff", "b": "fffff"}, greedy=greedy) for greedy in (False, True))

    assert gate([five], min_pass=0.5, k=5, strict=True).decision == "passed"
    assert gate([five], min_pass=0.5, k=2, strict=True).decision == "failed"
    for reports in ([alike], [report_of({"a": "p"}, greedy=True)] * 5):
        with pytest.raises(UsageError, match="no pass@5"):
            gate(reports, min_pass=0.5, k=5)


def test_samples_without_a_verdict_may_have_passed_or_failed() -> None:
    letters = {f"case{i}": "p" for i in range(100)}
    unjudged = {f"lost{i}": "i" for i in range(20)}
    report = report_of(letters | unjudged)

    assert gate([report], min_pass=0.75).decision == "passed"
    assert gate([report], min_pass=0.9).decision == "undecided"
    assert "20 samples without a verdict" in gate([report], min_pass=0.9).conditions[0].text


@pytest.mark.parametrize(("k", "strict"), [(1, False), (1, True), (2, False), (2, True)])
def test_what_the_machine_kept_from_being_judged_fails_no_score(k: int, strict: bool) -> None:
    letters = {f"case{i}": "pp" for i in range(4)} | {f"lost{i}": "ii" for i in range(8)}

    assert gate([report_of(letters)], min_pass=0.9, k=k, strict=strict).decision == "undecided"


def test_samples_that_a_budget_cut_leave_a_score_undecided_and_are_counted() -> None:
    verdicts = report_of({f"case{i}": "p" for i in range(12)}).verdicts
    suite = suite_of(*(f"case{i}" for i in range(12)))

    answer = gate([make_report(suite, verdicts, digests={}, samples=8)], min_pass=0.7)

    assert answer.decision == "undecided"
    assert "84 samples without a verdict" in answer.conditions[0].text


def test_an_answer_that_a_file_lacks_failed() -> None:
    suite = suite_of("a", "b")
    graded = report_of({"a": "p"}, suite=suite, samples="s")

    assert gate([graded], min_pass=0.9, strict=True).decision == "failed"
    assert gate([graded], baseline=[report_of({"a": "p", "b": "p"})], strict=True).decision == "failed"


def test_a_large_drop_fails() -> None:
    answer = gate([turned(FORTY, failing=8)], baseline=[FORTY], max_drop=0.1)

    assert answer.decision == "failed"
    assert "-20.0 points in 40 cases: there is a drop (p = 0.0039)" in answer.conditions[0].text


def test_one_lost_case_of_few_samples_is_undecided_and_names_its_suspect() -> None:
    answer = gate([turned(FORTY, failing=1)], baseline=[FORTY], max_drop=0.05)

    assert answer.decision == "undecided"
    assert "passed before and fail now, which may be chance: p0" in answer.remarks


def test_an_equal_run_passes_where_its_samples_exclude_the_drop() -> None:
    assert gate([FORTY], baseline=[FORTY], max_drop=0.1).decision == "passed"
    assert gate([FORTY], baseline=[FORTY], max_drop=0.02).decision == "undecided"


def test_more_samples_exclude_a_smaller_drop() -> None:
    many = report_of({f"p{i}": "ppppp" for i in range(40)})

    assert gate([many], baseline=[many], max_drop=0.02).decision == "passed"


def test_without_a_drop_to_exclude_the_smallest_that_can_be_excluded_is_said() -> None:
    answer = gate([FORTY], baseline=[FORTY])

    assert answer.decision == "passed"
    assert answer.excludes_drop == 0.068
    assert gate([FORTY], baseline=[FORTY], max_drop=0.1).excludes_drop is None


@pytest.mark.parametrize("later", ["pppppfff", "pppppppp"])
def test_a_pass_excludes_fifteen_points_also_where_no_drop_was_asked_for(later: str) -> None:
    before = report_of({f"p{i}": "p" for i in range(8)})
    after = report_of({f"p{i}": outcome for i, outcome in enumerate(later)})

    answer = gate([after], baseline=[before])

    assert answer.decision == "undecided"
    assert gate_notes(answer)[0] == "too few samples to exclude a drop of 15 points"


def test_a_pass_is_never_said_to_have_too_few_samples_for_the_drop_that_it_excludes() -> None:
    before = report_of({"a": "pppff", "b": "pfpff", "c": "pppfp", "d": "pfppf"})
    after = report_of(dict.fromkeys("abcd", "ppppp"))

    answer = gate([after], baseline=[before])

    assert (answer.decision, answer.excludes_drop is not None) == ("passed", True)
    assert gate_notes(answer)[0] == "excludes a drop of more than 15.0 points"


def test_a_single_case_decides_nothing() -> None:
    one = report_of({"a": "p"})

    answer = gate([one], baseline=[one])
    assert answer.decision == "undecided"
    assert "neither a drop of 15.0 points nor an equal score" in answer.conditions[0].text


@pytest.mark.parametrize(("drop", "decision"), [(None, "failed"), (0.02, "failed"), (0.025, "passed")])
def test_a_strict_comparison_is_of_the_scores_alone(drop: float | None, decision: Decision) -> None:
    answer = gate([turned(FORTY, failing=1)], baseline=[FORTY], max_drop=drop, strict=True)

    assert answer.decision == decision


def test_a_pass_that_samples_without_a_verdict_would_change_is_undecided() -> None:
    letters = {f"p{i}": "p" for i in range(40)}
    after = report_of(letters | {f"p{i}": "i" for i in range(6)})

    answer = gate([after], baseline=[FORTY], max_drop=0.1)

    assert answer.decision == "undecided"
    assert "unless the missing verdicts of 6 cases count as lost" in answer.conditions[0].text
    assert "left out, without a verdict in a run: p0, p1, p2, p3, p4, p5" in answer.remarks


def test_a_failure_that_cases_without_a_verdict_in_the_baseline_would_change_is_undecided() -> None:
    letters = dict.fromkeys([f"p{i}" for i in range(40)], "p")
    before = report_of(letters | {f"p{i}": "i" for i in range(12, 40)})
    after = report_of(letters | {f"p{i}": "f" for i in range(6)})

    answer = gate([after], baseline=[before], max_drop=0.4)

    assert gate([after], baseline=[report_of(letters)], max_drop=0.4).decision == "passed"
    assert answer.decision == "undecided"
    assert "unless the missing verdicts of 28 cases count as lost" in answer.conditions[0].text


def test_a_case_that_the_run_left_out_counts_against_it_as_one_without_a_verdict_does() -> None:
    names = [f"p{i}" for i in range(40)]
    after = report_of(dict.fromkeys(names[6:], "p"), suite=suite_of(*names))

    assert gate([after], baseline=[FORTY], max_drop=0.1).decision == "undecided"


def test_runs_without_a_case_that_both_judged_are_undecided() -> None:
    answer = gate([report_of({"a": "i"})], baseline=[report_of({"a": "p"})])

    assert (answer.decision, answer.comparison) == ("undecided", None)


def test_new_and_gone_cases_and_other_causes_are_named() -> None:
    before = report_of({"a": "p", "old": "p"}, model="one")
    after = report_of({"a": "p", "new": "p"}, model="two")

    remarks = gate([after], baseline=[before]).remarks

    assert remarks == ("new: new", "gone: old", "the runs also differ in: model")


@pytest.mark.parametrize(("limit", "decision"), [(0.5, "passed"), (0.49, "failed")])
def test_the_cost_has_to_stay_below_what_is_asked(limit: float, decision: Decision) -> None:
    report = report_of(dict.fromkeys("abcde", "p"), cost=0.1)

    assert gate([report], max_cost=limit).decision == decision


def test_a_condition_that_fails_outweighs_one_that_is_undecided() -> None:
    report = report_of(dict.fromkeys("abcde", "p"), cost=0.1)

    assert gate([report], min_pass=0.9, max_cost=0.49).decision == "failed"
    assert gate([report], min_pass=0.9, max_cost=0.5).decision == "undecided"


def test_what_cant_be_decided_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to check against"):
        gate([FOUR_OF_FIVE])
    with pytest.raises(UsageError, match="--max-drop is a drop below a baseline"):
        gate([FOUR_OF_FIVE], min_pass=0.5, max_drop=0.1)
    with pytest.raises(UsageError, match="no pass@10"):
        gate([FOUR_OF_FIVE], min_pass=0.5, k=10)
    with pytest.raises(UsageError, match="what it cost"):
        gate([FOUR_OF_FIVE], max_cost=1)
    with pytest.raises(UsageError, match="it has no case"):
        gate([report_of({})], min_pass=0.5)
    with pytest.raises(UsageError, match="no case in common"):
        gate([FOUR_OF_FIVE], baseline=[report_of({"z": "p"})])


def lost(letters: str, *names: str) -> Report:
    """Fresh samples of cases, all with these results."""
    return report_of(dict.fromkeys(names, letters))


@pytest.mark.parametrize(
    ("before", "after", "decision", "said"),
    [
        ("pppppp", "ffffff", "failed", "worse in fresh samples: p0"),
        ("pppppp", "pppfpp", "passed", "1 lost case tried again"),
        ("pp", "ff", "undecided", "too few fresh samples"),
        ("pp", "pp", "undecided", "too few fresh samples"),
    ],
)
def test_fresh_samples_alone_decide_on_lost_cases(
    before: str, after: str, decision: Decision, said: str
) -> None:
    answer = gate(
        [turned(FORTY, failing=1)],
        baseline=[FORTY],
        max_drop=0.2,
        fresh=([lost(before, "p0")], [lost(after, "p0")]),
    )

    assert [one.decision for one in answer.conditions] == ["passed", decision]
    assert said in answer.conditions[1].text


def test_a_lost_case_without_fresh_samples_is_undecided_by_name() -> None:
    some = lost("pppppp", "p0")

    answer = gate([turned(FORTY, failing=2)], baseline=[FORTY], max_drop=0.3, fresh=([some], [some]))

    assert answer.conditions[1].text == "2 lost cases tried again; without fresh samples: p1"
    assert answer.decision == "undecided"


def test_several_lost_cases_are_corrected_for_being_several() -> None:
    names = [f"p{number}" for number in range(20)]
    later = report_of({names[0]: "ffff"} | dict.fromkeys(names[1:], "pppp"))
    fresh = ([lost("pppp", *names)], [later])

    answer = gate([turned(FORTY, failing=20)], baseline=[FORTY], max_drop=0.9, fresh=fresh)

    # Fisher's p of 4 against 4 is 1/70; of 20 cases that isn't enough.
    assert answer.conditions[1].decision == "undecided"


def test_what_no_sample_can_show_is_refused_and_no_excluded_drop_is_more_than_all() -> None:
    with pytest.raises(UsageError, match="--min-pass 1 can't pass"):
        gate([FOUR_OF_FIVE], min_pass=1)
    with pytest.raises(UsageError, match="drop of 100 points"):
        gate([FOUR_OF_FIVE], baseline=[FOUR_OF_FIVE], max_drop=1)
    one = report_of({"a": "p"})
    assert gate([one], baseline=[one]).excludes_drop == 1
