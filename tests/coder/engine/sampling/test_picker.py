"""Which candidate is taken: what passes, what can be sane, what most others do."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.engine.sampling.candidate import FAILED, RankedCandidate
from coder.engine.sampling.compare import described, inputs_of
from coder.engine.sampling.picker import choose, is_sane
from coder.run.message import CheckLine, CodeMessage, Outcome, Verified


def outcome(passed: bool, checks: int) -> Outcome:
    lines = [CheckLine(name=f"c{number}", passed=True) for number in range(checks)]
    lines += [] if passed else [CheckLine(name="last", passed=False)]
    return Outcome(passed=passed, verified="checks", checks=tuple(lines))


def one(
    *behaviour: str, passed: bool = True, checks: int = 1, votes: int = 1, sane: bool = True, lines: int = 0
) -> RankedCandidate:
    """A candidate that does this."""
    code, verdict = CodeMessage(author="coder"), outcome(passed, checks)
    return RankedCandidate(1, code, verdict, lines=lines, votes=votes, behaviour=behaviour, sane=sane)


def numbered(candidates: Sequence[RankedCandidate]) -> list[RankedCandidate]:
    return [replace(candidate, attempt=number) for number, candidate in enumerate(candidates)]


def chosen(*candidates: RankedCandidate) -> int:
    """The place of the candidate that is chosen."""
    return choose(numbered(candidates)).candidate.attempt


def test_the_largest_group_wins() -> None:
    choice = choose(numbered([one("1", "2"), one("1", "3"), one("1", "3")]))

    assert choice.candidate.attempt == 1
    assert [[member.attempt for member in group] for group in choice.groups] == [[1, 2], [0]]


def test_what_fails_the_visible_checks_has_no_vote() -> None:
    assert chosen(one("1", "3", passed=False), one("1", "3", passed=False), one("1", "2")) == 2


def test_where_none_passes_the_one_that_passes_most_is_taken() -> None:
    assert chosen(one(passed=False, checks=1), one(passed=False, checks=2)) == 1


def test_an_answer_that_was_given_twice_has_two_votes() -> None:
    assert chosen(one("1", "2"), one("1", "3", votes=2)) == 1


def test_where_nothing_is_compared_the_smallest_change_wins_and_then_the_earliest() -> None:
    assert chosen(one(lines=3), one(lines=2), one(lines=2)) == 1


@pytest.mark.parametrize("stronger", ["tests", "checks", "examples", "reproduced"])
def test_what_shows_a_change_counts_more_than_what_it_does(stronger: Verified) -> None:
    weak, strong = one("1", "2", votes=9), one("1", "3")
    weak = replace(weak, outcome=weak.outcome.model_copy(update={"verified": "self"}))
    strong = replace(strong, outcome=strong.outcome.model_copy(update={"verified": stronger}))

    assert chosen(weak, strong) == 1


def test_groups_that_fail_always_or_say_the_same_to_everything_come_last() -> None:
    failing, constant, none = one("!NameError", "!NameError"), one("0", "0"), one("None", "None")

    assert chosen(failing, failing, none, none, constant, constant, one("1", "2")) == 6
    assert chosen(failing, failing, constant) == 2


def test_of_groups_alike_the_one_that_agrees_with_more_others_wins() -> None:
    assert chosen(one("9", "9", "1"), one("1", "2", "3"), one("1", "2", "4")) == 1


_GIVEN = st.sampled_from(["1", "2", "3", f"{FAILED}ValueError", "None"])
_SOME = st.builds(
    one,
    _GIVEN,
    _GIVEN,
    passed=st.booleans(),
    checks=st.integers(0, 2),
    sane=st.booleans(),
    votes=st.integers(1, 3),
)


@pytest.mark.slow
@given(st.lists(_SOME, min_size=1, max_size=8), st.randoms())
def test_the_choice_does_not_depend_on_the_order_but_for_the_earliest_of_equals(
    some: list[RankedCandidate], chance: Random
) -> None:
    some = numbered(some)
    order = [*some]
    chance.shuffle(order)

    straight, shuffled = choose(some), choose(order)

    assert straight.candidate.attempt == min(member.attempt for member in straight.groups[0])
    as_sets = {frozenset(member.attempt for member in group) for group in straight.groups}
    assert {frozenset(member.attempt for member in group) for group in shuffled.groups} == as_sets
    assert shuffled.candidate in {member.attempt: member for member in order}.values()
    assert {member.attempt for member in shuffled.groups[0]} == {
        member.attempt for member in straight.groups[0]
    }


@given(st.lists(_SOME, min_size=1, max_size=8))
def test_none_that_fails_what_is_visible_is_taken_where_one_passes_it(some: list[RankedCandidate]) -> None:
    best = choose(numbered(some)).candidate

    assert best.outcome.passed == any(candidate.outcome.passed for candidate in some)


@pytest.mark.slow
@given(st.lists(_SOME, min_size=1, max_size=8))
def test_of_those_that_fail_the_one_that_passes_most_checks_is_taken(some: list[RankedCandidate]) -> None:
    failing = [
        replace(candidate, outcome=outcome(False, len(candidate.outcome.checks))) for candidate in some
    ]

    best = choose(numbered(failing)).candidate

    assert len(best.outcome.checks) == max(len(candidate.outcome.checks) for candidate in failing)


def test_what_cannot_be_sane_gives_way() -> None:
    assert chosen(one(sane=False, votes=5), one()) == 1


def test_nothing_to_choose_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        choose([])


@pytest.mark.parametrize(
    ("source", "sane"),
    [
        ("def f(x):\n    return x\n", True),
        ("def f(x):\n    yield x\n", True),
        ("def f(x):\n    x[0] = 1\n", True),
        ("def f(x):\n    pass\n", False),
        ("def f(x):\n    print(x)\n", False),
        ("def f(x):\n    return helper(x)\n", False),
        ("def g(x):\n    return x\n", False),
        ("def f(x:\n", False),
    ],
)
def test_reading_tells_what_can_not_be_asked_for(source: str, sane: bool) -> None:
    assert is_sane(source, "f") is sane


def test_inputs_are_those_of_the_examples_and_their_neighbours() -> None:
    inputs = inputs_of(["assert f([1, 2], 'ab') == 3", "assert f(x) == 1"], "f")

    assert inputs[0] == ([1, 2], "ab")
    assert ([2, 1], "ab") in inputs
    assert ([1, 2], "ba") in inputs


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(_PLAIN, _PLAIN)
def test_values_are_described_alike_just_when_they_are_equal_and_of_one_kind(a: object, b: object) -> None:
    assert (described(a) == described(b)) == (repr(a) == repr(b) or _ordered(a) == _ordered(b))


def _ordered(value: object) -> str:
    """With the keys of mappings in order."""
    if isinstance(value, dict):
        return f"dict{sorted((key, _ordered(inner)) for key, inner in value.items())}"
    return f"list{[_ordered(inner) for inner in value]}" if isinstance(value, list) else repr(value)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_inputs_of_sets_are_the_same_in_every_process(seed: str) -> None:
    program = (
        "from coder.engine.sampling.compare import inputs_of\n"
        "from coder.engine.sampling.compare import described\n"
        "print(described([list(one) for one in inputs_of([\"assert f({'a', 'b', 'c', 'd'}) == 1\"], 'f')]))"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "list(list(set('a','b','c','d')),list(set('b','c','d')))\n"
