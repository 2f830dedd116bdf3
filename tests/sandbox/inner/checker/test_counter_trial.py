"""Tests run once more on recorded answers, with one of them, or a constant of the test, changed."""

from collections.abc import Sequence
from functools import partial
from random import Random
from types import CodeType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE
from sandbox.inner.bridge.codec import decode, encode
from sandbox.inner.checker.answer_digests import ReferenceNames, is_same_answer
from sandbox.inner.checker.counter_trial import MOST_RUNS, CounterTrial, changed_sources
from sandbox.inner.checker.exchanges import Diverged, RecordedLine, Recording, read_exchanges
from sandbox.inner.checker.other_values import Extension, change
from tests.linear_work import assert_linear

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)
ENOUGH = 15
COPY = Extension(("copy", ()))


def frame(*parts: object) -> bytes:
    return encode(parts, refer=lambda one: one.payload if isinstance(one, Extension) else None)


def called(value: object, *args: object) -> tuple[bytes, bytes]:
    """Return the frames of a call of object 1, the function under test."""
    answer = frame("value", value, COPY, Extension(("copy", "")))
    return frame("call", Extension(("object", 1)), args, {}), FROM_CANDIDATE + answer


def trial(*frames: tuple[bytes, bytes]) -> CounterTrial[Sequence[CodeType]]:
    """Return a trial whose test is `check(candidate)`, with a candidate that asks the recorded line."""

    def run(line: RecordedLine, codes: Sequence[CodeType]) -> bool:
        def candidate(*args: object) -> Any:
            line.send(frame("call", Extension(("object", 1)), args, {}))
            return decode(line.receive()[1:], resolve=Extension)[1]

        space: dict[str, Any] = {}
        try:
            for code in codes:
                exec(code, space)
                space["check"](candidate)
        except (AssertionError, Diverged):
            return False
        return True

    return CounterTrial(frames, read_exchanges(frames, ReferenceNames(1)), run, seed=1, enough=ENOUGH)


def shares(body: str, *frames: tuple[bytes, bytes]) -> dict[str, tuple[int, int]]:
    """Return, for each kind of change, how many runs were made and how many failed."""
    one, source = trial(*frames), f"def check(candidate):\n    {body}\n"
    codes = [compile(source, "<test>", "exec")]
    found = one.try_others(codes, partial(changed_sources, [source], "candidate", codes), one.exchanges)
    return {what: (tried, failed) for what, tried, failed in found}


@given(VALUES, st.integers())
def test_a_changed_value_is_another_one_and_can_cross(value: Any, seed: int) -> None:
    other = change(value, Random(seed))

    assert repr(other) != repr(value)
    encode(other)


def test_a_test_that_compares_notices_most_changes_of_the_value_and_of_the_constant() -> None:
    found = shares("assert candidate(3) == [0, 1, 2]", called([0, 1, 2], 3))

    assert found["values"] == found["constants"] == (ENOUGH, ENOUGH)
    assert found["nothing"] == (1, 1)


def test_a_test_for_one_of_many_items_notices_few_changes() -> None:
    few, most = (
        shares("assert 7 in candidate(8)", called(list(range(count)), 8))["values"] for count in (1000, 8)
    )

    assert few[0] == MOST_RUNS
    assert few[1] < 4
    assert most[1] / most[0] > 0.04


def test_a_test_of_a_type_notices_no_change() -> None:
    found = shares("assert isinstance(candidate(3), list)", called([0, 1, 2], 3))

    assert found["values"] == (MOST_RUNS, 0)
    assert found["nothing"] == (1, 0)


def test_a_run_that_asks_for_what_was_not_recorded_does_not_count() -> None:
    found = shares("assert candidate(candidate(3)) == 5", called(4, 3), called(5, 4))

    tried, failed = found["values"]
    assert tried == failed == ENOUGH  # changes of the inner call's value aren't tried


def test_a_test_that_never_ends_with_a_changed_value_is_ended_and_fails() -> None:
    body = "n = candidate(3)\n    while n != 4: pass"

    found = shares(body, called(4, 3))

    assert found["values"][1] > 0


@pytest.mark.parametrize(
    ("value", "letters"),
    {
        "nothing": (None, "e"),
        "an empty list": ([], "e"),
        "false": (False, "Nz"),
        "not a number": ([float("nan")], "Cn"),
        "its argument": (3, "Naf"),
        "a text": ("3", "T"),
    }.values(),
)
def test_an_exchange_says_what_kind_of_answer_it_has(value: object, letters: str) -> None:
    (one,) = trial(called(value, 3)).exchanges

    assert one.letters == letters


@pytest.mark.parametrize(
    ("value", "same"),
    [(0.0, -0.0), (0.1 + 0.2, 0.3), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({3, 1}, {1, 3})],
)
def test_values_that_a_test_takes_for_the_same_are_the_same_exchange(value: object, same: object) -> None:
    first, second = called(value, 3), called(same, 3)

    assert trial(first).counts() == trial(second).counts()
    assert is_same_answer(first[0], first[1], second[1])


@pytest.mark.parametrize(("value", "other"), [(1, True), (2.0, 2), ([1], (1,)), ("1", 1), (None, [])])
def test_values_of_different_types_are_different_exchanges(value: object, other: object) -> None:
    first, second = called(value, 3), called(other, 3)

    assert trial(first).counts() != trial(second).counts()
    assert not is_same_answer(first[0], first[1], second[1])


@pytest.mark.parametrize("answer", [b"", b"x", FROM_CANDIDATE, FROM_CANDIDATE + encode(("value",))])
def test_a_frame_that_is_no_answer_is_like_no_other(answer: bytes) -> None:
    call, usual = called(4, 3)

    assert not is_same_answer(call, usual, answer)


def test_the_time_to_repeat_a_recording_grows_with_its_length() -> None:
    def repeat(recording: tuple[tuple[bytes, bytes], ...]) -> None:
        line = RecordedLine(Recording(recording))
        for sent, received in recording:
            line.send(sent)
            assert line.receive() == received

    assert_linear(repeat, lambda count: (called(4, 3),) * count, size=20_000)


def test_exchanges_differ_that_another_trial_had_less_often() -> None:
    one, two = trial(called(4, 3), called(4, 3), called(5, 4)), trial(called(4, 3), called(6, 4))

    assert [exchange.at for exchange in one.differing(two.counts())] == [1, 2]


@pytest.mark.parametrize("copied", [True, 1])
def test_a_copied_value_that_equals_the_number_of_the_function_is_an_exchange(copied: object) -> None:
    assert trial(called(Extension(("copy", copied)), 3)).counts() == trial(called(copied, 3)).counts()


def test_a_tests_own_error_that_comes_back_is_left_as_it_is() -> None:
    outcome = ("raised", Extension(("yours", 7)), (), COPY, Extension(("copy", "")))
    sent, _ = called(4, 3)

    found = shares("candidate(3)", (sent, FROM_CANDIDATE + frame(*outcome)))

    assert found["errors"] == (0, 0)
