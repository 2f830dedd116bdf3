"""Reports as documents: what they say, and that what a model wrote does nothing in them."""

import re
import xml.etree.ElementTree as ET
from io import StringIO

import pytest

from benchmarks.reports.figures import facts
from benchmarks.reports.junit import junit
from benchmarks.reports.markdown import markdown
from benchmarks.reports.terminal_report import comparison_blocks, gate_blocks, report_blocks
from benchmarks.stats.comparison import compare
from benchmarks.stats.gate import gate
from coder.base.text.ci_commands import break_commands
from coder.show.tables import plain_lines, print_blocks
from tests.benchmarks.reports.hostile import HOSTILE
from tests.benchmarks.reports.reports_made import report_of, suite_of

REPORT = report_of({"a": "p", "b": "f", "c": "x", "d": "i"}, detail="expected 1, got 2")


def test_the_terminal_says_score_interval_outcomes_and_reasons() -> None:
    text = "\n".join(plain_lines(report_blocks(REPORT)))

    assert (
        "25.0 %  (95 % 4.6–69.9 %, standard error 25.0)" in text
    )  # statsmodels: proportion_confint(1, 4, method="wilson")
    assert "passed 1  failed 1  tampered 1  infrastructure 1" in text
    assert "b #0  failed  expected 1, got 2" in text
    assert "25.0–50.0 %" in text


def test_a_long_list_of_failures_has_an_end() -> None:
    lines = plain_lines(report_blocks(report_of({f"case {i}": "f" for i in range(50)}), max_shown=10))

    assert lines[-1].strip() == "and 40 more"


def test_a_comparison_says_its_test_and_what_changed() -> None:
    comparison = compare([report_of(dict.fromkeys("abcdef", "p"))], [report_of(dict.fromkeys("abcdef", "f"))])

    text = "\n".join(plain_lines(comparison_blocks({"later": comparison})))

    assert "later: 100.0 % → 0.0 %  -100.0 points" in text
    assert "p = 0.014 (tango)" in text
    assert "lost       6: a, b, c, d, e, f" in text


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_table_of_samples_that_did_not_pass_and_one_of_all_comparisons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    one, other = (report_of(dict.fromkeys("abcdef", letter)) for letter in "pf")
    out = Screen()

    print_blocks(report_blocks(REPORT), out)
    print_blocks(comparison_blocks({"later": compare([one], [other]), "same": compare([one], [one])}), out)

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).split() for line in out.getvalue().splitlines()]
    assert lines.count(["sample", "verdict", "detail"]) == 1
    assert ["b", "#0", "failed", "expected", "1,", "got", "2"] in lines
    assert lines.count(["run", "before", "after", "points", "95", "%", "p"]) == 1
    compared = next(words for words in lines if words[:1] == ["later"])
    assert (compared[1:6], compared[-2:]) == (["100.0", "%", "0.0", "%", "-100.0"], ["0.014", "tango"])
    assert ["later", "lost", "6:", "a,", "b,", "c,", "d,", "e,", "f"] in lines


def test_flaky_verdicts_have_a_rate_and_names() -> None:
    one, other = (report_of({"a": letter, "b": "p"}, samples="s") for letter in "pf")

    text = "\n".join(plain_lines(comparison_blocks({"again": compare([one], [other])})))

    assert "the same answers judged again: other verdicts in 1 of 2 cases (50.0 %): a" in text


def test_a_summary_holds_gate_scores_and_reasons() -> None:
    answer = gate([REPORT], min_pass=0.6, strict=True)

    text, lines = markdown(REPORT, gate=answer), plain_lines(gate_blocks(answer))

    score = answer.conditions[0].text
    assert score.startswith("pass@1 ")
    assert lines == ["✗ not passed", f"  {score}: not passed"]
    assert "✗ Gate not passed" in text
    assert "| pass&#64;1 |" in text or "| pass@1 |" in text
    assert "| b | 0 | failed | expected 1, got 2 |" in text


def test_junit_counts_what_ci_systems_count() -> None:
    root = ET.fromstring(junit(REPORT))
    suite = root.find("testsuite")

    assert suite is not None
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "2", "1", "0"]
    assert [case.get("name") for case in suite.findall("testcase")] == ["a", "b", "c", "d"]
    results = [case.tag for case in suite.findall("testcase/*") if case.tag != "system-out"]
    assert results == ["failure", "failure", "error"]


def test_junit_has_the_strength_of_each_verdict_and_the_least_of_the_passes() -> None:
    root = ET.fromstring(
        junit(report_of({"a": "p", "b": "p", "c": "f"}, strengths={"b": "apart", "c": "weak"}))
    )

    each = [one.text for one in root.findall("*/testcase/system-out")]
    (least,) = root.findall("testsuite/properties/property")
    assert each == ["strength: strong", "strength: apart", "strength: weak"]
    assert (least.get("name"), least.get("value")) == ("least-strength", "apart")
    assert [element.tag for element in root[0]] == [
        "properties",
        *["testcase"] * 3,
    ]  # the order of its schema


def test_junit_fails_a_weak_failure_and_a_pass_below_the_minimum_strength_and_skips_nothing() -> None:
    letters, weak = {"a": "p", "b": "p", "c": "f"}, {"b": "weak", "c": "weak"}

    loose, strict = (
        ET.fromstring(junit(report_of(letters, strengths=weak, min_strength=least)))[0]
        for least in (None, "apart")
    )

    assert [(one.get("failures"), one.get("skipped")) for one in (loose, strict)] == [("1", "0"), ("2", "0")]
    assert [one.get("type") for one in strict.iter("failure")] == ["too-weak", "failed"]
    assert strict.find("*/failure").get("message") == "passed (weak), which is below apart"  # type: ignore[union-attr]
    values = {one.get("name"): one.get("value") for one in strict.findall("properties/property")}
    assert values == {"least-strength": "strong", "min-strength": "apart"}


COUNTS = {"name", "time", "tests", "failures", "errors"}
JENKINS = {
    "testsuites": (COUNTS, {"testsuite"}),
    "testsuite": (COUNTS | {"skipped", "timestamp"}, {"properties", "testcase"}),
    "testcase": ({"name", "time", "classname"}, {"failure", "error", "system-out"}),
    **dict.fromkeys(("failure", "error"), ({"type", "message"}, set[str]())),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    "system-out": (set[str](), set[str]()),
}
"""Attributes and elements in each element of ours by the schema of Jenkins, junit-10.xsd."""


def test_junit_is_valid_by_the_schema_of_jenkins() -> None:
    root = ET.fromstring(junit(report_of({"a": "pf", "c": "x", "d": "i"}, min_strength="apart")))

    for element in root.iter():
        attributes, children = JENKINS[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    assert {element.tag for element in root.iter()} == JENKINS.keys()


def test_junit_names_samples_apart_and_fails_what_is_missing() -> None:
    root = ET.fromstring(junit(report_of({"a": "pf"}, suite=suite_of("a", "b"))))

    assert [case.get("name") for case in root.iter("testcase")] == ["a #0", "a #1", "b"]
    assert [one.get("type") for one in root.iter("failure")] == ["failed", "missing"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_model_wrote_gives_a_log_no_commands_and_a_terminal_no_sequences(text: str) -> None:
    report = report_of({text: "f", "b": "p"}, detail=text, model=text)
    other = report_of({text: "p", "b": "f"}, detail=text, model=text)
    answer = gate([report], baseline=[other], min_pass=0.5)
    comparison = compare([other], [report])

    lines = plain_lines(
        [*report_blocks(report), *comparison_blocks({text: comparison}), *gate_blocks(answer)]
    )

    for line in lines:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\n\r]", line)
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_model_wrote_is_text_in_a_summary(text: str) -> None:
    report = report_of({text: "f", "b": "p"}, detail=text, model=text)

    written = markdown(report, comparison=compare([report], [report]), gate=gate([report], min_pass=0))

    own = re.sub(r"</?(details|summary)>", "", written)
    assert not re.search(r"[<>`@\[\]\x00-\x09\x0b-\x1f]", own.replace("pass@", ""))
    assert all(line.count("|") in (0, 3, 5) for line in own.splitlines())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_model_wrote_leaves_junit_a_document(text: str) -> None:
    document = junit(report_of({text: "f", "b": "p"}, detail=text))

    root = ET.fromstring(document)
    assert len(list(root.iter("testcase"))) == 2
    own = {"testsuites", "testsuite", "testcase", "failure", "properties", "property", "system-out"}
    assert {element.tag for element in root.iter()} <= own
    assert not any(line.lstrip().startswith("::") for line in document.splitlines())


def test_ordinary_colons_and_hashes_stay() -> None:
    assert break_commands("a::b\n# head\n## two\nstd::x") == "a::b\n# head\n## two\nstd::x"


def test_a_report_says_why_it_has_no_pass_at_k_where_lessons_make_samples_depend_on_one_another() -> None:
    report = report_of({"a": "pf", "b": "pp"})
    taught = report.model_copy(update={"independent": False, "pass_at": {"1": 0.75, "2": None}})

    assert "pass@k" not in dict(facts(report))
    assert "depend on one another by --lessons" in dict(facts(taught))["pass@k"]
