"""Rows of Verified, Live, Pro, rebench and Multilingual: each data set writes the same cases in its way."""

import pytest

from benchmarks.judge.logged_tests import commands_of
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff
from tests.benchmarks.judge.swebench_image import GOLD
from tests.benchmarks.judge.swebench_rows import FILES, GO_GOLD, GO_TESTS, NAME, ROWS, TESTS

CASES = {case.id.rpartition("-")[2]: case for pair in ROWS.values() for case in pair}
ALL = {"prompt": "It is wrong.", "image": NAME, "files": {}, "hidden_tests": {}, "timeout_s": 1800}
PYTEST: dict[str, object] = {
    "runner": "pytest",
    "gold_patch": diff(FILES, GOLD),
    "test_patch": diff(FILES, TESTS),
    "fail_to_pass": ("tests/test_prices.py::test_rate[0.5]", "tests/test_prices.py::test_rate[1]"),
    "pass_to_pass": ("tests/test_prices.py::test_sum", "tests/test_prices.py::TestTotal::test_none"),
    "test_commands": (),
    "tree": "/testbed",
}
GO: dict[str, object] = {
    **PYTEST,
    "runner": "go",
    "gold_patch": diff(FILES, GO_GOLD),
    "test_patch": diff(FILES, GO_TESTS),
    "fail_to_pass": ("TestSome", "TestSome/size"),
    "pass_to_pass": ("TestNone",),
}
GO_COMMAND = ("go test -v ./...",)
EXPECTED: dict[str, dict[str, object]] = {
    "1": PYTEST,
    "2": PYTEST | {"pass_to_pass": ()},
    "3": PYTEST | {"test_commands": ("pytest -rA",)},
    "4": GO | {"test_commands": GO_COMMAND},
    "5": PYTEST | {"tree": "/app"},
    "6": GO | {"tree": "/app"},
    "7": PYTEST | {"test_commands": ("pytest --no-header -rA",)},
    "8": GO | {"tree": "/shop", "test_commands": GO_COMMAND},
    "9": GO,
    "10": GO | {"fail_to_pass": ("TestSome",), "pass_to_pass": ()},
}


@pytest.mark.parametrize("number", CASES)
def test_a_row_is_the_case_that_its_tests_and_its_place_make(number: str) -> None:
    expected = ALL | EXPECTED[number]

    assert CASES[number].model_dump(include=set(expected)) == expected


def test_of_difficulties_only_words_are_taken() -> None:
    assert [CASES[number].difficulty for number in "123"] == ["<15 min fix", "1-4 hours", None]


@pytest.mark.parametrize("number", ["6", "9", "10"])
def test_go_is_given_the_folders_of_its_tests_where_a_row_has_no_command(number: str) -> None:
    case: RepositoryCase = CASES[number].model_copy(update={"hidden_tests": GO_TESTS})

    assert commands_of(case) == ("go test -v ./count/",)
