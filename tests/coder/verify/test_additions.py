"""A new test that needs a name which the change adds fails without it: in any language that says where."""

import json

import pytest

from coder.run.message import CheckLine
from coder.verify.additions import find_additions, find_tests_lacking_names
from coder.verify.reports.failures import PrintedPlaces
from coder.verify.reports.readers import read_cargo, read_go, read_jest

GO_TEST = """package shop

import "testing"

func TestTotal(t *testing.T) {
	if Total(2) != 3 {
		t.Fatal()
	}
}
"""
BUILT = "a.org/shop [a.org/shop.test]"
GO_EVENTS = (
    {"ImportPath": BUILT, "Action": "build-output", "Output": "# a.org/shop\n"},
    {"ImportPath": BUILT, "Action": "build-output", "Output": "./total_test.go:6:5: undefined: Total\n"},
    {"ImportPath": BUILT, "Action": "build-fail"},
    {"Action": "fail", "Package": "a.org/shop", "Elapsed": 0},
)
RUST_TEST = "#[test]\nfn totals() {\n    assert_eq!(shop::total(2), 3);\n}\n"
RUST_BUILD = """error[E0425]: cannot find function `total` in crate `shop`
 --> tests/added.rs:3:22
  |
"""
JEST_TEST = "import { total } from './shop';\n\nit('adds', () => {\n  expect(total(2)).toBe(3);\n});\n"


def jest_report(place: str) -> str:
    message = f"TypeError: total is not a function\n    at {place}"
    test = {"title": "adds", "status": "failed", "failureMessages": [message]}
    return json.dumps(
        {"testResults": [{"name": "total.test.ts", "status": "failed", "assertionResults": [test]}]}
    )


def test_a_compilers_error_in_a_line_of_the_new_test_is_for_lack_of_the_name_that_is_there() -> None:
    places = PrintedPlaces(["total_test.go", "shop.go"])
    report = read_go("\n".join(map(json.dumps, GO_EVENTS)), places)
    added = find_additions(
        {"shop.go": "package shop\n"}, {"shop.go": "package shop\n\nfunc Total(x int) int"}
    )

    assert report is not None
    lacking = find_tests_lacking_names(
        report.lines, ["a.org/shop.TestTotal"], tests={"total_test.go": GO_TEST}, words=added.words
    )

    assert "a.org/shop.TestTotal" in lacking


def test_an_error_of_rusts_compiler_stands_for_each_test_that_it_keeps_from_running() -> None:
    report = read_cargo("", RUST_BUILD, PrintedPlaces(["tests/added.rs", "src/lib.rs"]))

    assert report is not None
    lacking = find_tests_lacking_names(
        report.lines, ["totals"], tests={"tests/added.rs": RUST_TEST}, words={"total"}
    )

    assert "totals" in lacking


@pytest.mark.parametrize(
    ("place", "words", "is_lacking"),
    [
        ("total.test.ts:4:10", {"total"}, True),
        ("total.test.ts:4:10", {"other"}, False),  # the line needs nothing of the change
        ("shop.ts:1:8", {"total"}, False),  # the code fails, not the test
        ("total.test.ts:400:1", {"total"}, False),  # no such line
    ],
)
def test_a_failure_is_for_lack_of_a_name_only_where_a_line_of_the_test_uses_it(
    place: str, words: set[str], *, is_lacking: bool
) -> None:
    report = read_jest(jest_report(place), PrintedPlaces(["total.test.ts", "shop.ts"]))

    assert report is not None
    lacking = find_tests_lacking_names(
        report.lines, ["total.test.ts > adds"], tests={"total.test.ts": JEST_TEST}, words=words
    )

    assert bool(lacking) is is_lacking


def test_a_test_that_is_reported_elsewhere_lacks_nothing() -> None:
    report = read_cargo("", RUST_BUILD, PrintedPlaces(["tests/added.rs"]))

    assert report is not None
    assert not find_tests_lacking_names(
        report.lines, ["totals"], tests={"tests/other.rs": RUST_TEST}, words={"total"}
    )


def test_only_words_of_source_files_are_names_and_pythons_exceptions_tell_for_themselves() -> None:
    added = find_additions({}, {"README.md": "A client.\n", "shop.go": "func Total() int\n"})
    fixture = CheckLine(name="skipped", passed=False, path="test_shop.py", line=1)

    assert added.words == {"func", "Total", "int"}
    tests = {"test_shop.py": "def test_it(Total): ...\n"}
    assert not find_tests_lacking_names([fixture], ["test_it"], tests=tests, words=added.words)
