"""Comparisons are tried again with other values, and come out the other way unless they show nothing."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.checker.counter_trial import COMPARE, CounterTrial, change, hand_over_comparisons

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


class EqualsAll:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def turned(expression: str, **names: Any) -> set[int]:
    """Numbers of the changes that turn the one comparison of an expression."""
    trial = CounterTrial(is_tried=True)
    tree = hand_over_comparisons(ast.parse(expression))
    exec(compile(tree, "<test>", "exec"), {COMPARE: trial.compare, **names})
    (changes,) = trial.turned.values()
    return set(changes)


@given(VALUES)
def test_another_value_of_its_kind_differs(value: object) -> None:
    assert change(value) != value


HONEST_AND_NOT = {
    "equal to everything, left": ("x == [1]", [1], EqualsAll()),
    "equal to everything, right": ("4 == x", 4, EqualsAll()),
    "not a number, unequal": ("x != 3", 4, float("nan")),
    "not a number, not greater": ("not x > 1e-6", 0.0, float("nan")),
    "a text with all numbers": ("'2 errors' in x", "2 errors", "1 errors 2 errors 3 errors"),
    "a list with all numbers": ("3 in x", [3], [*range(100)]),
    "bytes with all numbers": ("b'2' not in x", b"3", b"3"),
}


@pytest.mark.parametrize("name", HONEST_AND_NOT)
def test_a_value_that_compares_alike_with_everything_turns_fewer_comparisons(name: str) -> None:
    expression, honest, other = HONEST_AND_NOT[name]

    assert turned(f"assert {expression}", x=other) <= turned(f"assert {expression}", x=honest)
    if other != honest or isinstance(other, EqualsAll):
        assert turned(f"assert {expression}", x=other) < turned(f"assert {expression}", x=honest)


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
@given(left=st.integers(-999, 999).map(lambda n: n / 4), right=st.integers(-999, 999).map(lambda n: n / 4))
def test_what_turns_a_comparison_of_numbers_hangs_on_its_outcome_alone(
    operator: str, left: float, right: float
) -> None:
    outcome = turned(f"a {operator} b", a=left, b=right)
    twin = turned(f"a {operator} b", a=left + 8, b=right + 8)

    assert outcome == twin


@given(VALUES, VALUES)
def test_a_test_that_is_handed_over_decides_as_before(left: object, right: object) -> None:
    source = "def check(a, b):\n    return a == b, a != b, a in [b], a not in (b,), a is b, 1 < 2 < 3"
    plain: dict[str, Any] = {}
    exec(source, plain)
    space: dict[str, Any] = {COMPARE: CounterTrial(is_tried=True).compare}

    exec(compile(hand_over_comparisons(ast.parse(source)), "<test>", "exec"), space)

    assert space["check"](left, right) == plain["check"](left, right)


def test_a_class_of_the_test_that_compares_is_tried_once_and_its_errors_show_nothing() -> None:
    class Strict:
        def __eq__(self, other: object) -> bool:
            if not isinstance(other, Strict):
                raise TypeError
            return True

        __hash__ = None  # type: ignore[assignment]

    assert turned("a == b", a=Strict(), b=Strict()) == set()


def test_an_iterator_that_a_test_searches_is_read_once() -> None:
    numbers = iter([1, 2, 3, 4])
    space: dict[str, Any] = {COMPARE: CounterTrial(is_tried=True).compare, "numbers": numbers}

    exec(compile(hand_over_comparisons(ast.parse("found = 2 in numbers")), "<test>", "exec"), space)

    assert (space["found"], [*numbers]) == (True, [3, 4])


def test_a_value_that_is_nested_too_deeply_to_be_changed_fails_no_test() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert turned("a == a", a=deep) == set()
