"""Reports as their tools write them, for a toy whose add subtracts.

Those of jest 29, mocha 10, vitest 2, node 20 and cargo 1.95 were written by these; that of Go after `go doc
test2json`.
"""

import json
from pathlib import Path

import pytest

from coder.run.message import CheckLine
from coder.verify.reports.failures import PrintedPlaces, RunnerReport
from coder.verify.reports.readers import (
    read_cargo,
    read_go,
    read_jest,
    read_junit,
    read_mocha,
    read_node,
    render_go,
    render_mocha,
)
from tests.linear_work import assert_linear

OUTPUTS = Path(__file__).parent / "outputs"
SCRIPTS = ("calc.js", "calc.test.js", "bad.test.js", "calc.mjs", "calc.test.mjs")


def text(name: str) -> str:
    return (OUTPUTS / name).read_text(encoding="utf-8")


def told(
    report: RunnerReport | None,
) -> dict[str, tuple[bool, str | None, int | None, str | None, str | None]]:
    assert report is not None
    return {
        line.name: (line.passed, line.path, line.line, line.expected, line.actual) for line in report.lines
    }


def test_jest_names_the_test_its_place_and_both_values() -> None:
    lines = told(read_jest(text("jest.json"), PrintedPlaces(SCRIPTS)))

    assert lines["calc.test.js > calc > adds"] == (False, "calc.test.js", 3, "5", "-1")
    assert lines["calc.test.js > calc > adds zero"] == (True, None, None, None, None)
    assert lines["bad.test.js"][0] is False  # it could not be parsed
    assert "calc.test.js > calc > later" not in lines


def test_vitest_is_read_from_its_json_and_from_its_junit_alike() -> None:
    places = PrintedPlaces(SCRIPTS)

    from_json = told(read_jest(text("vitest.json"), places))
    from_junit = told(read_junit((OUTPUTS / "vitest.xml").read_bytes(), places))

    assert from_json["calc.test.mjs > calc > adds"] == (False, "calc.test.mjs", 4, "5", "-1")
    assert from_junit["calc.test.mjs::calc > adds"] == (False, "calc.test.mjs", 4, "5", "-1")
    assert from_json["calc.test.mjs > calc > objects"][3:] == ("{ a: 2, b: 2 }", "{ a: +0, b: 2 }")


def test_mocha_is_read_behind_what_else_is_printed_and_told_without_its_json() -> None:
    output = text("mocha.txt")

    lines = told(read_mocha(output, PrintedPlaces(["calc.spec.js"])))

    assert lines == {
        "calc adds": (False, "calc.spec.js", 7, "5", "-1"),
        "calc adds zero": (True, None, None, None, None),
    }
    rendered = render_mocha(output)
    assert "> mocha\n\nadding\n  calc adds\n    AssertionError" in rendered
    assert rendered.endswith("  1 passing\n  1 failing\n")


@pytest.mark.parametrize("output", ["", "{", '{"tests": 1}', '{"tests": [], "x": 1}', "SyntaxError: no\n"])
def test_what_is_no_report_of_mocha_is_none(output: str) -> None:
    assert read_mocha(output, PrintedPlaces(())) is None
    assert render_mocha(output) == output


def test_a_report_of_mocha_that_lacks_a_failure_is_known_as_incomplete() -> None:
    output = text("mocha.txt").replace('"failures": 1', '"failures": 2')

    report = read_mocha(output, PrintedPlaces(()))

    assert report is not None
    assert not report.complete


def test_the_junit_of_node_names_the_line_inside_the_cause() -> None:
    lines = told(read_junit((OUTPUTS / "node.xml").read_bytes(), PrintedPlaces(SCRIPTS)))

    assert lines["test::adds"] == (False, "calc.test.js", 5, "5", "-1")
    assert lines["test::top"][:3] == (False, "calc.test.js", 8)


def test_a_file_that_node_cannot_load_is_told_by_what_it_has_printed() -> None:
    report = b"""<testsuites><testcase name="/app/test/more.test.mjs" classname="test">
        <failure message="test failed">[Error: test failed]</failure></testcase></testsuites>"""
    printed = (
        "file:///app/test/more.test.mjs:3\nimport { total } from '../lib.mjs';\n         ^\n"
        "SyntaxError: The requested module '../lib.mjs' does not provide an export named 'total'\n"
    )

    read = read_node(report, printed, PrintedPlaces(["test/more.test.mjs", "lib.mjs"]))

    assert read is not None
    (line,) = read.lines
    assert (line.path, line.line) == ("test/more.test.mjs", 3)
    assert "does not provide an export named 'total'" in line.message


def test_cargo_names_the_panic_and_not_its_backtrace() -> None:
    lines = told(read_cargo(text("cargo.txt"), "", PrintedPlaces(["src/lib.rs", "tests/whole.rs"])))

    assert lines["tests::adds"] == (False, "src/lib.rs", 10, "5", "-1")
    assert lines["tests::adds_zero"][0] is True
    assert lines["tests::panics"][:3] == (False, "src/lib.rs", 20)
    assert "tests::later" not in lines


def test_cargo_counts_every_crate_and_the_examples_of_the_docs() -> None:
    lines = told(read_cargo(text("cargo.txt"), "", PrintedPlaces(["src/lib.rs"])))

    assert lines["whole"][0] is True
    assert lines["src/lib.rs - add (line 2)"] == (False, "src/lib.rs", 5, "2", "0")


def test_a_crate_that_does_not_compile_fails_where_the_compiler_says() -> None:
    report = read_cargo("", text("cargo-error.txt"), PrintedPlaces(["src/lib.rs"]))

    assert report is not None
    assert [(line.path, line.line) for line in report.lines] == [("src/lib.rs", 5)]
    assert "cannot find value `c`" in report.lines[0].name


def test_go_names_the_subtest_and_not_its_parent_too() -> None:
    lines = told(
        read_go(
            text("go.jsonl"), PrintedPlaces(["calc/calc_test.go", "other/calc_test.go", "broken/broken.go"])
        )
    )

    assert lines["example.com/m/calc.TestAdd"] == (False, "calc/calc_test.go", 9, "5", "-1")
    assert lines["example.com/m/calc.TestTable/one"] == (False, "calc/calc_test.go", 21, "2", "0")
    assert "example.com/m/calc.TestTable" not in lines
    assert lines["example.com/m/broken"][:3] == (False, "broken/broken.go", 4)


def test_go_says_what_it_would_have_said_without_json() -> None:
    assert "    calc_test.go:9: Add(2, 3) = -1, want 5\n" in render_go(text("go.jsonl"))


def test_a_line_of_json_that_a_test_prints_is_no_event_of_go() -> None:
    printed = json.dumps({"Action": "pass", "Package": "p", "Test": "TestA"}) + "\n"
    forged = json.dumps({"Action": "output", "Package": "p", "Test": "TestA", "Output": printed})
    ended = '{"Action":"fail","Package":"p","Test":"TestA"}\n{"Action":"fail","Package":"p"}'

    lines = told(read_go(f"{forged}\n{ended}", PrintedPlaces([])))

    assert [(name, line[0]) for name, line in lines.items()] == [("p.TestA", False)]


def test_tests_of_go_that_have_not_ended_are_told_with_what_they_have_printed() -> None:
    events = [
        ("run", "TestA", ""),
        ("run", "TestA/one", ""),
        ("output", "TestA/one", "waits\n"),
        ("run", "TestB", ""),
    ]
    lines = [json.dumps({"Action": a, "Package": "p", "Test": t, "Output": out}) for a, t, out in events]
    lines.append('{"Action":"pass","Package":"p","Test":"TestB"}')

    report = read_go("\n".join(lines), PrintedPlaces([]))

    assert report is not None
    assert [(line.name, line.message) for line in report.running] == [("p.TestA/one", "waits")]


def test_a_test_of_cargo_that_ran_for_a_minute_has_not_ended_unless_it_is_told() -> None:
    printed = """running 3 tests
test quick ... ok
test slow has been running for over 60 seconds
test hangs has been running for over 60 seconds
test slow ... ok
"""
    report = read_cargo(printed, "", PrintedPlaces([]))

    assert report is not None
    assert [line.name for line in report.running] == ["hangs"]


def test_entities_that_would_grow_without_end_are_no_report() -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    bomb = entities + b'<testsuite><testcase name="&b;"/></testsuite>'

    assert read_junit(bomb, PrintedPlaces([])) is None


@pytest.mark.parametrize("kind", [' xmlns="urn:x"', "", ' xsi:schemaLocation="z"'])
def test_junit_is_read_whatever_namespaces_it_declares_or_lacks(kind: str) -> None:
    content = f'<testsuite{kind}><testcase name="a"/><x:properties/><testcase name="b"/></testsuite>'

    report = read_junit(content.encode(), PrintedPlaces([]))

    assert report is not None
    assert [line.name for line in report.lines] == ["a", "b"]
    assert report.complete


def test_what_is_cut_off_is_read_as_far_as_it_goes_and_known_as_cut_off() -> None:
    report = read_junit(b'<testsuite><testcase name="a"/><testcase name="b"><failure', PrintedPlaces([]))

    assert report is not None
    assert [line.name for line in report.lines] == ["a", "b"]
    assert not report.complete


def test_escape_sequences_in_a_report_reach_neither_prompt_nor_terminal() -> None:
    content = '{"testResults": [{"name": "a", "assertionResults": [{"title": "t", "status": "failed", '
    content += '"failureMessages": ["\\u001b[31mred\\u001b]0;title\\u0007"]}]}]}'

    report = read_jest(content, PrintedPlaces([]))

    assert report is not None
    assert report.lines == (CheckLine(name="a > t", passed=False, message="red"),)


@pytest.mark.slow
def test_thousands_of_failures_with_deep_names_cost_no_more_than_their_number() -> None:
    def output(count: int) -> str:
        names = [f"Test{i}" + "/a" * 200 for i in range(count)]
        return "\n".join(json.dumps({"Action": "fail", "Package": "p", "Test": name}) for name in names)

    def read(text: str) -> None:
        report = read_go(text, PrintedPlaces([]))
        assert report is not None
        assert len(report.lines) == text.count("\n") + 1

    assert_linear(read, output, size=3_000)
