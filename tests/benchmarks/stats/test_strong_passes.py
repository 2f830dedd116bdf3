"""Passes weaker than asked: one order of strengths, and a gate that doesn't count what is below."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report import Report
from benchmarks.reports.markdown import markdown
from benchmarks.reports.terminal_report import comparison_blocks, gate_blocks
from benchmarks.stats.comparison import compare
from benchmarks.stats.gate import gate
from benchmarks.stats.strong_passes import least_of_passes
from benchmarks.verdict import STRENGTHS, Strength, is_as_strong, least_strength
from coder.show.tables import plain_lines
from tests.benchmarks.reports.reports_made import report_of

ROOT = Path(__file__).parents[3]
strengths = st.sampled_from(STRENGTHS)
cases = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2), st.tuples(st.sampled_from("pfx"), strengths), min_size=1
)


def mixed(letters: dict[str, tuple[str, Strength]], *, least: Strength | None = None) -> Report:
    return report_of(
        {case: letter for case, (letter, _) in letters.items()},
        strengths={case: strength for case, (_, strength) in letters.items()},
        min_strength=least,
    )


THREE = mixed({"a": ("p", "strong"), "b": ("p", "apart"), "c": ("p", "weak"), "d": ("f", "strong")})


@given(strengths, strengths, strengths)
def test_strengths_are_one_order(one: Strength, other: Strength, third: Strength) -> None:
    assert is_as_strong(one, other) or is_as_strong(other, one)
    assert (is_as_strong(one, other) and is_as_strong(other, one)) == (one == other)
    if is_as_strong(one, other) and is_as_strong(other, third):
        assert is_as_strong(one, third)
    assert is_as_strong("strong", one)
    assert is_as_strong(one, "weak")


@given(st.lists(strengths, min_size=1))
def test_the_least_strength_is_one_of_them_that_none_is_below(some: list[Strength]) -> None:
    least = least_strength(some)

    assert least in some
    assert all(is_as_strong(one, least) for one in some)


@pytest.mark.slow
@given(cases, strengths, st.none() | strengths)
def test_the_score_of_a_gate_is_the_share_of_passes_that_are_strong_enough(
    letters: dict[str, tuple[str, Strength]], least: Strength, of_report: Strength | None
) -> None:
    enough = sum(letter == "p" and is_as_strong(strength, least) for letter, strength in letters.values())
    report = mixed(letters, least=of_report)

    assert (
        gate([report], min_pass=enough / len(letters), strict=True, min_strength=least).decision == "passed"
    )
    if enough < len(letters):
        assert (
            gate([report], min_pass=(enough + 0.5) / len(letters), strict=True, min_strength=least).decision
            == "failed"
        )


@pytest.mark.slow
@given(cases, strengths, strengths, st.floats(0, 1))
def test_what_passes_a_gate_passes_one_that_asks_for_less_strength(
    letters: dict[str, tuple[str, Strength]], one: Strength, other: Strength, least: float
) -> None:
    harder, easier = sorted((one, other), key=STRENGTHS.index)
    report = mixed(letters)

    if gate([report], min_pass=least, strict=True, min_strength=harder).decision == "passed":
        assert gate([report], min_pass=least, strict=True, min_strength=easier).decision == "passed"


@pytest.mark.slow
@given(cases, strengths)
def test_a_gate_is_too_weak_only_where_weaker_passes_would_have_passed_it(
    letters: dict[str, tuple[str, Strength]], least: Strength
) -> None:
    answer = gate([mixed(letters)], min_pass=0.5, strict=True, min_strength=least)
    share = sum(letter == "p" for letter, _ in letters.values()) / len(letters)

    assert answer.too_weak == (answer.decision == "failed" and share >= 0.5)


def test_the_gate_names_each_pass_that_does_not_count_and_its_strength() -> None:
    answer = gate([THREE], min_pass=0.75, strict=True, min_strength="apart")

    assert [(one.name, one.decision) for one in answer.conditions] == [
        ("min-pass", "failed"),
        ("min-strength", "passed"),
    ]
    assert answer.conditions[0].text == "pass@1 50.0 % (required: 75.0 %)"
    assert answer.conditions[1].text == "1 pass weaker than apart, not counted: c (weak)"
    assert answer.too_weak


def test_a_least_strength_alone_allows_no_weaker_pass() -> None:
    assert gate([THREE], min_strength="weak").decision == "passed"
    assert gate([THREE], min_strength="weaker").decision == "failed"
    assert (
        gate([report_of({"a": "p", "b": "f"}, strengths={"b": "weak"})], min_strength="strong").decision
        == "passed"
    )


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_failed_case_fails_the_gate_however_it_was_judged(strength: Strength) -> None:
    report = mixed({"a": ("p", "strong"), "b": ("p", "strong"), "c": ("f", strength)})

    answer = gate([report], min_pass=0.9, strict=True)

    assert (answer.decision, answer.too_weak) == ("failed", False)
    assert answer.conditions[0].text == "pass@1 66.7 % (required: 90.0 %)"


def test_a_gate_takes_the_minimum_strength_of_its_report_and_names_it_first() -> None:
    report = mixed({"a": ("p", "strong"), "b": ("p", "weak")}, least="apart")

    answer = gate([report], min_pass=1, strict=True)

    assert (answer.decision, answer.too_weak, answer.min_strength) == ("failed", True, "apart")
    assert plain_lines(gate_blocks(answer))[0] == "✗ not passed  (passes below apart count as not passed)"
    assert "✗ Gate not passed** (passes below apart count as not passed)" in markdown(report, gate=answer)
    assert gate([report], min_pass=1, strict=True, min_strength="weak").decision == "passed"


def test_runs_are_compared_by_the_strictest_minimum_strength_of_their_reports() -> None:
    letters: dict[str, tuple[str, Strength]] = {"a": ("p", "strong"), "b": ("p", "weak")}
    loose, strict = mixed(letters), mixed(letters, least="apart")

    comparison = compare([loose], [strict])

    assert (comparison.before, comparison.after, comparison.min_strength) == (0.5, 0.5, "apart")
    lines = plain_lines(comparison_blocks({"later": comparison}))
    assert "  passes below apart count as not passed, in both runs" in lines
    assert compare([loose], [loose]).after == 1


def test_weaker_passes_of_a_baseline_do_not_count_either() -> None:
    strong, weak = (report_of({"a": "p"}, strengths={"a": how}) for how in STRENGTHS[::5])

    assert gate([weak], baseline=[strong], strict=True, min_strength="apart").decision == "failed"
    assert gate([weak], baseline=[weak], strict=True, min_strength="apart").decision == "passed"


def test_the_least_strength_of_a_report_is_that_of_passes_that_count() -> None:
    assert least_of_passes(THREE) == "weak"
    assert least_of_passes(report_of({"a": "f"})) is None
    assert least_of_passes(mixed({"a": ("p", "apart"), "b": ("p", "weak")}, least="apart")) == "apart"


@pytest.mark.parametrize("page", ["docs/reference/judging.md"])
def test_the_page_lists_the_strengths_in_their_order(page: str) -> None:
    names = (ROOT / page).read_text().partition("## Strengths")[2].partition("\n## ")[0]

    assert tuple(re.findall(r"^- `([a-z-]+)`:", names, re.M)) == STRENGTHS
