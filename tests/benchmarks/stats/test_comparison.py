"""Comparisons: over the cases that both runs have judged, by one method, each change with its direction."""

import pytest

from benchmarks.report import Report, SampleUsage
from benchmarks.stats.comparison import compare, compare_several, judged_tallies
from benchmarks.stats.gate import gate
from benchmarks.suite import FunctionCase, Suite
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import report_of, suite_of


def test_single_samples_are_compared_by_tangos_interval() -> None:
    before = report_of(dict.fromkeys("abcdef", "p"))
    after = report_of(dict.fromkeys("abcdef", "f"))

    comparison = compare([before], [after])

    assert comparison.method == "tango"
    assert (comparison.before, comparison.after, comparison.difference) == (1, 0, -1)


def test_several_samples_are_compared_within_each_case() -> None:
    comparison = compare([report_of({"a": "pp", "b": "pf"})], [report_of({"a": "ppp", "b": "ffp"})])

    assert comparison.method == "stratified"
    assert comparison.difference == pytest.approx((0 + 1 / 3 - 1 / 2) / 2)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("ppp", "fff", "lost"),
        ("fff", "ppp", "gained"),
        ("p", "f", "lost"),
        ("ppp", "ff", "lost"),
        ("ppf", "fff", "worse"),
        ("ppp", "ffp", "worse"),
        ("ppf", "ppp", "better"),
    ],
)
def test_a_change_says_its_direction(before: str, after: str, kind: str) -> None:
    comparison = compare([report_of({"a": before, "b": "p"})], [report_of({"a": after, "b": "p"})])

    assert [(change.id, change.kind) for change in comparison.changes] == [("a", kind)]


def test_repeats_count_as_samples() -> None:
    before, after = report_of({"a": "p", "b": "p"}), report_of({"a": "f", "b": "p"})

    (change,) = compare([before] * 3, [after] * 3).changes

    assert (change.before.samples, change.after.samples) == (3, 3)


@pytest.mark.parametrize("letters", ["i", ""])
def test_a_case_without_a_verdict_in_a_run_is_left_out_by_name(letters: str) -> None:
    suite = suite_of("a", "b")
    before = report_of({"a": "p", "b": "p"}, suite=suite)
    after = report_of({"a": "p"} | ({"b": letters} if letters else {}), suite=suite)

    comparison = compare([before], [after])

    assert (comparison.cases, comparison.after, comparison.unjudged) == (1, 1, ("b",))


def test_a_sample_without_a_verdict_leaves_the_others_of_its_case() -> None:
    (change,) = compare([report_of({"a": "ppp"})], [report_of({"a": "pfi"})]).changes

    assert (change.after.samples, change.after.passed) == (2, 1)


def test_suites_that_differ_by_a_case_are_compared_over_their_common_cases() -> None:
    before = report_of({"a": "p", "b": "p", "gone": "p"})
    after = report_of({"a": "p", "b": "f", "new": "f"})

    comparison = compare([before], [after])

    assert (comparison.cases, comparison.difference) == (2, -0.5)
    assert (comparison.only_before, comparison.only_after) == (("gone",), ("new",))


def test_a_case_whose_tests_are_others_is_left_out_by_name() -> None:
    cases = [FunctionCase(id=name, prompt="", entry_point="f", test="") for name in "ab"]
    earlier = Suite(name="small", version="1", cases=tuple(cases))
    changed = cases[1].model_copy(update={"test": "def check(f): assert f() == 1"})
    later = Suite(name="small", version="2", cases=(cases[0], changed))

    comparison = compare(
        [report_of({"a": "p", "b": "p"}, suite=earlier)], [report_of({"a": "p", "b": "f"}, suite=later)]
    )

    assert (comparison.cases, comparison.other_content) == (1, ("b",))


def test_suites_without_a_common_case_are_refused() -> None:
    with pytest.raises(UsageError, match=r"(?s)no case in common: small 1 .*that share cases"):
        compare([report_of({"a": "p"})], [report_of({"b": "p"})])


def test_runs_of_which_one_has_no_verdict_are_refused() -> None:
    with pytest.raises(UsageError, match="No case has a verdict in both runs"):
        compare([report_of({"a": "p"})], [report_of({"a": "i"})])


def test_another_judge_is_said() -> None:
    one = report_of({"a": "p"})
    other = one.model_copy(update={"digests": {**one.digests, "judge": "k", "samples": "t"}})

    assert compare([one], [other]).other == ("judge",)


def test_several_runs_are_corrected_for_being_several_in_p_value_and_interval_alike() -> None:
    first = report_of(dict.fromkeys("abcdef", "p"))
    worse = report_of(dict.fromkeys("abcdef", "fp"))

    alone, (corrected, _) = compare([first], [worse]), compare_several(first, [worse, first])

    assert corrected.p_value == pytest.approx(2 * alone.p_value)
    assert corrected.interval[1] > alone.interval[1]
    assert (alone.comparisons, corrected.comparisons) == (1, 2)


def test_the_same_answers_judged_twice_show_what_is_flaky() -> None:
    one, other = report_of({"a": "p", "b": "p"}, samples="s"), report_of({"a": "f", "b": "p"}, samples="s")
    elsewhere = report_of({"a": "f", "b": "p"}, samples="t")

    assert compare([one], [other]).flaky == ("a",)
    assert compare([one], [elsewhere]).flaky is None


@pytest.mark.parametrize(
    "copies",
    [
        [report_of({"a": "ppp", "b": "f"}, greedy=True)],
        [report_of({"a": "p", "b": "f"}, samples="s")] * 3,
    ],
    ids=["greedy", "the same answers judged again"],
)
def test_copies_of_one_draw_count_as_one_sample(copies: list[Report]) -> None:
    (change,) = compare(copies, [report_of({"a": "f", "b": "f"})]).changes

    assert change.before.samples == 1


def test_of_copies_one_that_was_judged_counts() -> None:
    comparison = compare([report_of({"a": "ip"}, greedy=True)], [report_of({"a": "f"})])

    assert [(change.id, change.before.passed) for change in comparison.changes] == [("a", 1)]


def test_groups_that_moved_are_told_from_those_that_vary_by_chance() -> None:
    names = [f"case{number}" for number in range(40)]
    groups = {name: "parsing" if number < 20 else "io" for number, name in enumerate(names)}
    before = report_of(dict.fromkeys(names, "pp")).model_copy(update={"categories": groups})
    letters = {
        name: "ff" if number < 8 else "fp" if number == 30 else "pp" for number, name in enumerate(names)
    }
    after = report_of(letters).model_copy(update={"categories": groups, "tags": {names[0]: ("slow",)}})

    comparison = compare([before], [after])

    found = [(one.of, one.name, one.cases, one.after) for one in comparison.groups]
    assert sorted(found) == [
        ("category", "io", 20, 0.975),
        ("category", "parsing", 20, 0.6),
        ("tag", "slow", 1, 0),
    ]
    assert [one.name for one in comparison.groups if one.has_moved and one.of == "category"] == ["parsing"]
    assert "groups that moved: " in " ".join(gate([after], baseline=[before]).remarks)


def test_what_all_cases_are_is_no_group() -> None:
    assert compare([report_of({"a": "p"})], [report_of({"a": "f"})]).groups == ()


def test_reports_that_dont_keep_what_their_cases_were_are_compared_by_the_digest_of_their_suite() -> None:
    new = report_of({"a": "p", "b": "f"})
    old = new.model_copy(update={"case_digests": {}})
    other = old.model_copy(update={"digests": {**old.digests, "suite": "0" * 64}})

    assert compare([old], [new]).cases == 2
    with pytest.raises(UsageError, match="of an older version doesn't keep what its cases were"):
        compare([other], [new])


def with_tokens(report: Report, *, shift: int) -> Report:
    """A report of a run of a model, each of whose answers took other tokens."""
    usage = [
        SampleUsage(
            id=one.id, sample=one.sample, calls=1, output_tokens=90 + number * 7 + shift * (number % 3)
        )
        for number, one in enumerate(report.verdicts)
    ]
    return report.model_copy(update={"usage": tuple(usage), "model": "m"})


@pytest.mark.parametrize(("shift", "samples"), [(0, 4), (1, 8)])
def test_a_repeat_counts_unless_the_endpoint_drew_the_same_answers_by_the_same_seeds(
    shift: int, samples: int
) -> None:
    one = report_of({"a": "pfpf", "b": "ppff", "c": "pppp"})

    tallies = judged_tallies([with_tokens(one, shift=0), with_tokens(one, shift=shift)])

    assert {tally.samples for tally in tallies.values()} == {samples}


def test_a_gate_says_that_repeats_are_copies_and_what_to_type() -> None:
    repeat = with_tokens(report_of({"a": "pfpf", "b": "ppff", "c": "pppp"}), shift=0)

    assert "Give each --seed N" in gate([repeat, repeat], min_pass=0.5).remarks[0]
