"""Each test of a program that prints TAP is known, as its exit code alone names none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.verify.reports.failures import PrintedPlaces
from coder.verify.reports.tap import read_tap

NODE = """TAP version 13
# Subtest: outer
    # Subtest: inner
    not ok 1 - inner
      ---
      location: '/app/sums.test.js:1:85'
      error: '1 == 2'
      ...
    1..1
not ok 1 - outer
  ---
  failureType: 'subtestsFailed'
  ...
# Subtest: b
ok 2 - b
  ---
  duration_ms: 0.1
  ...
# Subtest: c
ok 3 - c # SKIP
# Subtest: d
not ok 4 - d # TODO
  ---
  error: 'later'
  ...
1..4
# tests 5
# pass 1
"""
TAPE = """TAP version 13
# adds
ok 1 should be strictly equal
not ok 2 should be strictly equal
  ---
    operator: equal
    expected: 3
    actual:   4
    at: Test.<anonymous> (/app/sums.js:7:5)
  ...
# subtracts
ok 3 should be strictly equal

1..3
# tests 3
# fail  1
"""


def test_nodes_report_names_each_outer_test_and_what_failed_in_it() -> None:
    report = read_tap(NODE, PrintedPlaces(["sums.test.js"]))

    assert report is not None
    assert [(line.name, line.passed, line.path, line.line) for line in report.lines] == [
        ("outer", False, "sums.test.js", 1),
        ("b", True, None, None),
    ]
    assert "1 == 2" in report.lines[0].message


def test_a_comment_of_tape_tells_equal_assertions_apart() -> None:
    report = read_tap(TAPE, PrintedPlaces(["sums.js"]))

    assert report is not None
    assert [(line.name, line.passed) for line in report.lines] == [
        ("adds > should be strictly equal", True),
        ("adds > should be strictly equal (2)", False),
        ("subtracts > should be strictly equal", True),
    ]
    assert (report.lines[1].path, report.lines[1].line) == ("sums.js", 7)


BATS = """1..3
not ok 1 adds
# (in test file test/sums.bats, line 2)
#   `[ "$(./sum 1 1)" -eq 2 ]' failed
ok 2 subtracts
not ok 3 old # time=104.4ms
"""


def test_comments_behind_a_failure_are_its_message_and_no_ones_name() -> None:
    report = read_tap(BATS, PrintedPlaces(["test/sums.bats"]))

    assert report is not None
    assert [(line.name, line.passed) for line in report.lines] == [
        ("adds", False), ("subtracts", True), ("old", False),
    ]  # fmt: skip
    assert "-eq 2 ]' failed" in report.lines[0].message


def test_a_block_that_is_left_open_hides_no_result() -> None:
    report = read_tap("ok 1 total\nnot ok 2 old\n  ---\n4\nnot ok 1 total\n1..3\n", PrintedPlaces(()))

    assert report is not None
    assert [(line.name, line.passed) for line in report.lines] == [
        ("total", True), ("old", False), ("total (2)", False),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["1..2\nok\n", "1..1\nok 1\nok\n", "ok\n1..1\nBail out!\nok\n"])
def test_the_exit_code_decides_where_points_and_plans_differ(text: str) -> None:
    assert read_tap(text, PrintedPlaces(())) is None


@pytest.mark.parametrize("text", ["", "ok\n", "ok then\n3 passed\n", "1..3\nall is well\n", "1..0 # skip\n"])
def test_what_lacks_a_plan_or_tests_is_no_report(text: str) -> None:
    assert read_tap(text, PrintedPlaces(())) is None


@given(st.lists(st.sampled_from([*NODE.splitlines(), *TAPE.splitlines(), "", "  ...", "1..9999999"])))
def test_no_text_has_more_tests_than_points(lines: list[str]) -> None:
    report = read_tap("\n".join(lines), PrintedPlaces(["sums.js"]))

    points = sum(line.startswith(("ok", "not ok")) for line in lines)
    assert report is None or len(report.lines) <= points
    assert report is None or len({line.name for line in report.lines}) == len(report.lines)
