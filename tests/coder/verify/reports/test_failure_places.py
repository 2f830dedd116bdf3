"""Places: whatever way a program prints a path, it is one of the workspace's or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.verify.reports.failures import PrintedPlaces, compared_values
from tests.linear_work import assert_linear

PATHS = ("src/calc.py", "src/other/calc.py", "tests/test_calc.py", "main.go")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('  File "/w/src/calc.py", line 3, in add', ("src/calc.py", 3)),
        ("tests/test_calc.py:5: AssertionError", ("tests/test_calc.py", 5)),
        ("at Object.add (/home/x/main.go:7:12)", ("main.go", 7)),
        ("src\\other\\calc.py(4,2): error", ("src/other/calc.py", 4)),
        ("test_calc.py:9: bare names that are unique", ("tests/test_calc.py", 9)),
        ("calc.py:9: two files are called so", (None, None)),
        ("/etc/passwd:1: not of the workspace", (None, None)),
        ("../../src/calc.py:2: its end is there", ("src/calc.py", 2)),
    ],
)
def test_a_printed_place_is_found_in_the_workspace(text: str, place: tuple[str | None, int | None]) -> None:
    assert PrintedPlaces(PATHS).first(text) == place


@given(st.text(alphabet=st.sampled_from('abc./\\:123 "\n,()File line'), max_size=300))
def test_every_place_is_of_the_workspace(text: str) -> None:
    assert all(path in PATHS and line >= 0 for path, line in PrintedPlaces(PATHS).all(text))


@pytest.mark.parametrize("piece", ["a.a", "a/", "expected ", "left: \n", 'File "', "assert ", "x.py:1 "])
def test_a_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    def read(text: str) -> None:
        list(PrintedPlaces(PATHS).all(text))
        compared_values(text)

    assert_linear(read, lambda size: piece * (size // len(piece)), size=256_000)


def test_of_a_report_with_thousands_of_failures_the_first_are_looked_at() -> None:
    places = PrintedPlaces(PATHS)

    decisions = [places.count_searched("x" * 4000) for _ in range(1000)]

    assert decisions[0]
    assert not decisions[-1]


@pytest.mark.parametrize(
    "text",
    [
        "assert (2 == 1 and 2 == 2)",
        "assert (1 == 2 or 3 == 4)",
        "E       assert 1 == 2 and 3 == 4",
        "assert not (1 == 2 and [3] == [3])",
        "assert f(1 == 2)",
        "assert 'a == b' in ['c']",
    ],
)
def test_an_assertion_that_joins_comparisons_has_no_expected_value(text: str) -> None:
    assert compared_values(text) == (None, None)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("assert (1, 2) == (1, 3)", ("(1, 3)", "(1, 2)")),
        ("assert 'a (b and' == 'c)'", ("'c)'", "'a (b and'")),
        ("assert [0, 1, ...8, 9] == [1, ...9]", ("[1, ...9]", "[0, 1, ...8, 9]")),
        ("AssertionError: {'a': (1,)} != {}", ("{}", "{'a': (1,)}")),
    ],
)
def test_values_with_brackets_are_read_whole(text: str, values: tuple[str, str]) -> None:
    assert compared_values(text) == values
