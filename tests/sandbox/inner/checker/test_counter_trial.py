"""Comparisons are looked at once more: what holds whatever is compared shows nothing."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.checker.counter_trial import CounterTrial, hand_over_comparisons

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


class EqualsAll:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class HoldsAll(EqualsAll):
    def __contains__(self, other: object) -> bool:
        return True


def run(source: str, **names: Any) -> tuple[CounterTrial, dict[str, Any]]:
    trial = CounterTrial(is_tried=True)
    trial.install()
    exec(compile(hand_over_comparisons(ast.parse(source)), "<test>", "exec"), names)
    return trial, names


SEEN = {
    "equal to everything": ("x == [1]", EqualsAll(), "foreign"),
    "equal to everything, on the right": ("4 == x", EqualsAll(), "foreign"),
    "one of its items": ("x == [1]", [EqualsAll()], "foreign"),
    "holds everything": ("3 in x", HoldsAll(), "foreign"),
    "not a number, unequal": ("x != 3", float("nan"), "blind"),
    "not a number, not greater": ("not x > 1e-6", float("nan"), "blind"),
    "a text with all numbers": ("'2 errors' in x", " ".join(f"{n} errors" for n in range(999)), "blind"),
    "a text with some numbers": ("'2 errors' in x", "2 errors, 3 errors", "honest"),
    "a list with all numbers": ("3 in x", [*range(-100, 100)], "blind"),
    "a list with neighbours": ("3 in x", [2, 3, 4], "honest"),
    "a single letter": ("'e' in x", "the empty set", "untried"),
    "a number": ("x > 3", 4.5, "honest"),
    "no end": ("x > 3", float("inf"), "honest"),
    "an iterator": ("3 in x", iter([1, 2, 3]), "untried"),
}


@pytest.mark.parametrize("name", SEEN)
def test_each_comparison_is_honest_or_shows_why_not(name: str) -> None:
    expression, value, seen = SEEN[name]

    trial, _ = run(f"assert {expression}", x=value)

    assert [*trial.seen.values()] == [seen]


def test_the_worst_of_a_place_is_kept() -> None:
    trial, _ = run("for x in xs: x != 0", xs=[1.0, float("nan"), 2.0])

    assert trial.seen == {"1:13:True": "blind"}


@given(VALUES, VALUES)
def test_a_test_that_is_handed_over_decides_as_before(left: object, right: object) -> None:
    source = "shown = (a == b, a != b, a in [b], a not in (b,), a is b, 1 < 2 < 3)"
    plain: dict[str, Any] = {"a": left, "b": right}
    exec(source, plain)

    _, names = run(source, a=left, b=right)

    assert names["shown"] == plain["shown"]


@given(VALUES)
def test_plain_data_is_honest_beside_itself(value: object) -> None:
    trial, _ = run("a == b", a=value, b=value)

    assert [*trial.seen.values()] == ["honest"]


def test_no_code_of_a_class_runs_but_the_comparisons_own() -> None:
    calls = []

    class Counts:
        def __eq__(self, other: object) -> bool:
            calls.append(other)
            return True

        __hash__ = None  # type: ignore[assignment]

    run("a == 1", a=Counts())

    assert calls == [1]


def test_an_iterator_that_a_test_searches_is_read_once() -> None:
    numbers = iter([1, 2, 3, 4])

    _, names = run("found = 2 in numbers", numbers=numbers)

    assert (names["found"], [*numbers]) == (True, [3, 4])


def test_a_namespace_that_a_test_makes_can_compare() -> None:
    _, names = run("import types\ndef g(): return 1 == 1\nfound = types.FunctionType(g.__code__, {})()")

    assert names["found"] is True
