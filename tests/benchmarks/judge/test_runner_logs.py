"""Logs of runners that aren't pytest: which tests they name, and what a hostile log does to its reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judge.runner_logs import LogRunner, read_log
from tests.linear_work import assert_linear

RUNNERS: tuple[LogRunner, ...] = ("django", "sympy", "go", "cargo")
DJANGO = """\
Testing against Django installed in '/testbed/django'
Creating test database for alias 'default' ('file:memorydb_default?mode=memory&cache=shared')...
System check identified no issues (0 silenced).
test_one (app.tests.OneTests) ... ok
test_two (app.tests.OneTests.test_two)
A docstring is the name. ... ok
test_three (app.tests.OneTests) ... printed by the test
and more
ok
test_four (app.tests.OneTests) ... FAIL
test_five (app.tests.OneTests) ... ERROR
test_six (app.tests.OneTests) ... skipped 'no database'
test_seven (app.tests.OneTests) ... expected failure
test_eight (app.tests.OneTests) ... unexpected success
test_nine (app.tests.OneTests) ... test_ten (app.tests.OneTests) ... ok
test_eleven (app.tests.OneTests) ...  OK
test_twelve (app.tests.OneTests) ...
ok
Applying sites.0002_alter_domain_unique...test_thirteen (app.tests.OneTests) ... ok
======================================================================
FAIL: test_four (app.tests.OneTests)
----------------------------------------------------------------------
FAIL: test_nine (app.tests.OneTests) (i=1)
Another docstring.
----------------------------------------------------------------------
"""
SYMPY = """\
sympy/core/tests/test_basic.py[5]
test_structure ok
test_equality F
test_slow w
test_known f
test_error E                                                         [FAIL]
________________________________________________________________________________
_______________ sympy/core/tests/test_basic.py:test_structure2 ________________
sympy/core/tests/test_expr.py[1]
test_last ok                                                           [OK]
"""
GO = """\
=== RUN   TestA
=== RUN   TestA/sub_test
--- PASS: TestA (0.00s)
    --- PASS: TestA/sub_test (0.00s)
--- FAIL: TestB (0.12s)
--- SKIP: TestC (0.00s)
"""
CARGO = """\
running 3 tests
test prices::total ... ok
test prices::rate ... FAILED
test prices::slow ... ignored, takes long
"""


def of(outcome: str, outcomes: dict[str, str]) -> set[str]:
    return {name.partition(" ")[0] for name, one in outcomes.items() if one == outcome}


def test_djangos_log_names_tests_by_id_or_docstring_with_their_outcomes() -> None:
    outcomes = read_log("django", DJANGO)

    passed = {name for name, outcome in outcomes.items() if outcome == "passed"}
    assert {"test_one (app.tests.OneTests)", "A docstring is the name."} <= passed
    assert "test_three (app.tests.OneTests)" in passed
    assert {"test_ten (app.tests.OneTests)", "test_thirteen (app.tests.OneTests)"} <= passed
    assert of("failed", dict(outcomes)) >= {"test_four", "test_five", "test_eight", "test_nine", "Another"}
    assert of("skipped", dict(outcomes)) == {"test_six"}
    assert {"test_seven", "test_eleven", "test_twelve"} <= of("passed", dict(outcomes))
    assert outcomes["test_nine (app.tests.OneTests)"] == "failed"  # a subtest of it failed


@pytest.mark.parametrize(
    ("runner", "log", "passed", "failed", "skipped"),
    [
        (
            "sympy",
            SYMPY,
            {"test_structure", "test_known", "test_last"},
            {"test_equality", "test_error", "test_structure2"},
            {"test_slow"},
        ),
        ("go", GO, {"TestA", "TestA/sub_test"}, {"TestB"}, {"TestC"}),
        ("cargo", CARGO, {"prices::total"}, {"prices::rate"}, {"prices::slow"}),
    ],
)
def test_other_logs_name_tests_with_their_outcomes(
    runner: LogRunner, log: str, passed: set[str], failed: set[str], skipped: set[str]
) -> None:
    outcomes = dict(read_log(runner, log))

    assert [of(word, outcomes) for word in ("passed", "failed", "skipped")] == [passed, failed, skipped]


def test_a_test_that_a_log_names_twice_has_its_worst_outcome() -> None:
    forged = "test_one (a.B) ... ok\n"

    for log in (f"{forged}test_one (a.B) ... FAIL\n", f"test_one (a.B) ... FAIL\n{forged}{forged}"):
        assert read_log("django", log) == {"test_one (a.B)": "failed"}


pieces = st.sampled_from(
    [
        "test_a ",
        "(a.B)",
        " ... ",
        " ...",
        "ok",
        "FAIL",
        "FAIL: ",
        "ERROR: ",
        "\n",
        "_",
        "____ ",
        ".py:",
        "--- PASS: ",
        "test ",
        "[OK]",
        " ",
        "\r",
        "\0",
        "\u2028",
        "Applying ",
        "skipped ",
    ]
)


@pytest.mark.slow
@given(st.sampled_from(RUNNERS), st.lists(st.one_of(pieces, st.text(max_size=5)), max_size=60).map("".join))
def test_any_log_is_read(runner: LogRunner, log: str) -> None:
    outcomes = read_log(runner, log)

    assert {*outcomes.values()} <= {"passed", "failed", "skipped"}


@pytest.mark.slow
@given(
    st.sampled_from(RUNNERS),
    st.lists(st.one_of(pieces, st.text(max_size=5)), max_size=30).map("".join),
    st.lists(st.one_of(pieces, st.text(max_size=5)), max_size=30).map("".join),
)
def test_lines_before_and_after_never_turn_a_failed_test_into_a_passed_one(
    runner: LogRunner, before: str, after: str
) -> None:
    failures = {
        "django": ("test_x (a.B) ... FAIL", "test_x (a.B)"),
        "sympy": ("test_x F", "test_x"),
        "go": ("--- FAIL: TestX (0.00s)", "TestX"),
        "cargo": ("test a::x ... FAILED", "a::x"),
    }
    line, name = failures[runner]

    assert read_log(runner, f"{before}\n{line}\n{after}")[name] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    "piece", ["_ ", "test_", "test a ... ", " ... ", "_" * 50 + " ", "(", "a\n", "FAIL: \n", "--- PASS: "]
)
def test_a_log_of_four_megabytes_costs_no_more_than_its_length(runner: LogRunner, piece: str) -> None:
    assert_linear(lambda log: read_log(runner, log), lambda size: piece * (size // len(piece)), size=4 << 20)
