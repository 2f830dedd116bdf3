"""Which candidate is taken: what passes, what can be sane, what most others do."""

import os
import subprocess
import sys
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.sampling.chooser import Candidate, choose, is_sane
from coder.sampling.compare import FAILED, described, inputs_of


def one(*behaviour: str, passed: bool = True, checks: int = 1, votes: int = 1) -> Candidate:
    """A candidate that does this."""
    return Candidate(passed=passed, checks=checks, votes=votes, behaviour=behaviour)


def test_the_largest_cluster_wins() -> None:
    choice = choose([one("1", "2"), one("1", "3"), one("1", "3")])

    assert choice.index == 1
    assert choice.clusters == ((1, 2), (0,))


def test_what_fails_the_visible_checks_has_no_vote() -> None:
    assert choose([one("1", "3", passed=False), one("1", "3", passed=False), one("1", "2")]).index == 2


def test_where_none_passes_the_one_that_passes_most_is_taken() -> None:
    assert choose([one(passed=False, checks=1), one(passed=False, checks=2)]).index == 1


def test_an_answer_that_was_given_twice_has_two_votes() -> None:
    assert choose([one("1", "2"), one("1", "3", votes=2)]).index == 1


def test_clusters_that_fail_always_or_say_the_same_to_everything_come_last() -> None:
    failing, constant, none = one("!NameError", "!NameError"), one("0", "0"), one("None", "None")

    assert choose([failing, failing, none, none, constant, constant, one("1", "2")]).index == 6
    assert choose([failing, failing, constant]).index == 2


def test_of_clusters_alike_the_one_that_agrees_with_more_others_wins() -> None:
    assert choose([one("9", "9", "1"), one("1", "2", "3"), one("1", "2", "4")]).index == 1


_GIVEN = st.sampled_from(["1", "2", "3", f"{FAILED}ValueError", "None"])
_SOME = st.builds(
    Candidate,
    passed=st.booleans(),
    checks=st.integers(0, 2),
    sane=st.booleans(),
    votes=st.integers(1, 3),
    behaviour=st.tuples(_GIVEN, _GIVEN),
)


@given(st.lists(_SOME, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_candidates_only_parts_what_weighs_the_same(
    some: list[Candidate], chance: Random
) -> None:
    order = list(range(len(some)))
    chance.shuffle(order)

    straight, shuffled = choose(some), choose([some[i] for i in order])

    as_sets = {frozenset(members) for members in straight.clusters}
    assert {frozenset(order[i] for i in members) for members in shuffled.clusters} == as_sets
    weights = [_weight(some, members) for members in straight.clusters]
    assert _weight(some, [order[i] for i in shuffled.clusters[0]]) == weights[0]
    assert weights.count(weights[0]) > 1 or order[shuffled.index] in straight.clusters[0]
    assert straight.index == min(straight.clusters[0])


def _weight(some: list[Candidate], members: Sequence[int]) -> tuple[bool, bool, int, int, int]:
    """Values at all, different ones, votes, values given, and others that give the same, counted afresh."""
    first = some[members[0]]
    rank = (first.passed, first.checks, first.sane)
    others = [other for other in some if (other.passed, other.checks, other.sane) == rank]
    agreeing = sum(
        other.votes
        for other in others
        for a, b in zip(first.behaviour, other.behaviour, strict=True)
        if a == b and not a.startswith(FAILED)
    )
    gives = [given for given in first.behaviour if given != "None" and not given.startswith(FAILED)]
    votes = sum(some[i].votes for i in members)
    return bool(gives), len(set(gives)) > 1, votes, len(gives), agreeing


@given(st.lists(_SOME, min_size=1, max_size=8))
def test_none_that_fails_what_is_visible_is_taken_where_one_passes_it(some: list[Candidate]) -> None:
    taken = some[choose(some).index]

    assert (taken.passed, taken.checks) == max((each.passed, each.checks) for each in some)


def test_what_cannot_be_sane_gives_way() -> None:
    insane = Candidate(passed=True, checks=1, sane=False, votes=5)

    assert choose([insane, one()]).index == 1


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


@given(_PLAIN, _PLAIN)
def test_values_are_described_alike_just_when_they_are_equal_and_of_one_kind(a: object, b: object) -> None:
    assert (described(a) == described(b)) == (repr(a) == repr(b) or _ordered(a) == _ordered(b))


def _ordered(value: object) -> str:
    """With the keys of mappings in order."""
    if isinstance(value, dict):
        return f"dict{sorted((key, _ordered(inner)) for key, inner in value.items())}"
    return f"list{[_ordered(inner) for inner in value]}" if isinstance(value, list) else repr(value)


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_inputs_of_sets_are_the_same_in_every_process(seed: str) -> None:
    program = (
        "from coder.sampling.compare import inputs_of\n"
        "from coder.sampling.compare import described\n"
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
