"""A report that the judged code wrote gives tests or none, in linear time; it never raises."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

KEYS = [
    *("testResults", "name", "assertionResults", "ancestorTitles", "title", "status", "failureMessages"),
    *("message", "tests", "stats", "failures", "pending", "passes", "fullTitle", "err", "stack", "actual"),
    *("Action", "Package", "ImportPath", "Test", "Output"),
]
WORDS = st.sampled_from(["passed", "failed", "pass", "fail", "run", "output", "a.js", "\ud800", "x" * 600])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)
DOCUMENTS = st.fixed_dictionaries(
    {"testResults": st.lists(VALUES, max_size=4), "tests": VALUES, "stats": VALUES}
)
EVENTS = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), max_size=6)


def places() -> PrintedPlaces:
    return PrintedPlaces(["a.js", "src/a.go"])


def assert_storable(report: RunnerReport | None) -> None:
    for line in (*report.lines, *report.running) if report else ():
        line.model_validate_json(line.model_dump_json())


@given(DOCUMENTS | VALUES)
def test_json_of_any_types_is_a_report_or_none(document: object) -> None:
    text = json.dumps(document)

    assert_storable(read_jest(text, places()))
    assert_storable(read_mocha(text, places()))
    assert isinstance(render_mocha(text), str)


@given(EVENTS)
def test_events_of_any_types_are_a_report_or_none(events: list[object]) -> None:
    text = "\n".join(map(json.dumps, events))

    assert_storable(read_go(text, places()))
    assert isinstance(render_go(text), str)


TAGS = st.sampled_from(
    ["<testsuites>", "<testsuite>", '<testcase name="a" classname="b" line="9">', "<failure>"]
)
PIECES = st.sampled_from(
    [
        "</testsuites>",
        "</testsuite>",
        "</testcase>",
        "</failure>",
        "&#10;",
        "&amp;",
        "&x;",
        "<![CDATA[",
        "]]>",
        "text",
    ]
)


@given(st.lists(TAGS | PIECES, max_size=30))
def test_xml_in_any_pieces_is_a_report_or_none(pieces: list[str]) -> None:
    content = "".join(["<testsuites>", *pieces]).encode()

    assert_storable(read_junit(content, places()))
    assert_storable(read_node(content, "a.js:3", places()))


@given(st.text(st.sampled_from("tesrunigok.fl:=- \n"), max_size=200))
def test_output_of_cargo_in_any_form_is_a_report_or_none(text: str) -> None:
    assert_storable(read_cargo(f"running 1 test\n{text}", text, places()))


def junit(text: str) -> bytes:
    return f'<testsuite><testcase name="a"><failure>{text}</failure></testcase></testsuite>'.encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "piece"),
    [
        (lambda text: read_junit(junit(text), places()), "&#10;"),
        (lambda text: read_junit(junit(text), places()), "<a/>"),
        (lambda text: read_cargo(text, text, places()), "test a "),
        (lambda text: read_mocha(text, places()), "{\n"),
        (lambda text: read_go(text, places()), '{"Action": "output"}\n'),
    ],
)
def test_a_report_of_one_part_again_and_again_costs_linear_time(
    read: Callable[[str], object], piece: str
) -> None:
    assert_linear(read, lambda size: piece * (size // len(piece)), size=500_000)
