"""Work that grows with the square of its input is told from work that doesn't, whatever does the work."""

import re
from collections.abc import Callable

import pytest

from tests.linear_work import assert_linear, count_calls


def letters(size: int) -> str:
    return "x" * size


@pytest.mark.parametrize("work", [len, str.upper, sorted, lambda text: re.sub("x", "", text)])
def test_work_that_grows_with_its_input_passes(work: Callable[[str], object]) -> None:
    assert_linear(work, letters, size=200_000)


@pytest.mark.parametrize(
    "work",
    [
        lambda text: [one for one in text for _ in text],
        lambda text: [text.find("xy", at) for at in range(len(text))],
        lambda text: re.search("x*y", text),
    ],
    ids=["in Python", "in C", "in a regular expression"],
)
def test_work_that_grows_with_the_square_fails(work: Callable[[str], object]) -> None:
    with pytest.raises(AssertionError, match="with the square takes 1024 times"):
        assert_linear(work, letters, size=3_200)


def test_calls_are_counted_in_python_and_in_c() -> None:
    words = ["a"] * 10

    assert count_calls(lambda: [word.upper() for word in words]) - count_calls(lambda: None) in (10, 11)
