"""Further inputs are made by rule, of the same kinds, each once."""

import os
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.sampling.mutate import constants_of, varied

KNOWN = [([1, 2, 3], "ab(", {"k": 2.5}, True), ([], "", {}, False)]

_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.just("k"), inner),
    max_leaves=6,
)


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (varied(KNOWN, 64, constants=["x"], chance=Random(7)) for _ in range(2))

    assert first == second
    assert len(first) == 64


def test_letters_are_those_that_are_known_or_that_candidates_compare_with() -> None:
    source = "def f(a, b, c, d):\n    return a if b == 'xyz' else 437\n"

    made = varied(KNOWN, 400, constants=constants_of([source]), chance=Random(7))

    assert {letter for arguments in made for letter in str(arguments[1])} == set("ab(xyz")
    assert {436, 437, 438} <= set(constants_of([source]))
    assert any("xyz" in str(arguments[1]) for arguments in made)


def test_numbers_are_negative_only_where_a_known_one_or_a_constant_is() -> None:
    assert all(n >= 0 for (n,) in varied([(3,)], 64, constants=[], chance=Random(7)))
    assert any(n < 0 for (n,) in varied([(-3,), (0,)], 64, constants=[], chance=Random(7)))


def test_there_are_no_more_inputs_than_can_be_made() -> None:
    assert varied([(True,)], 64, constants=[], chance=Random(7)) == [(False,)]
    assert varied([()], 64, constants=[], chance=Random(7)) == []
    assert varied([], 64, constants=[], chance=Random(7)) == []


@given(st.lists(st.tuples(_PLAIN, _PLAIN), min_size=1, max_size=4), st.integers(0, 9))
def test_each_argument_keeps_a_kind_that_is_known_for_it(
    known: list[tuple[object, object]], seed: int
) -> None:
    made = varied(known, 24, constants=[7, "c"], chance=Random(seed))

    for i in (0, 1):
        assert {type(arguments[i]) for arguments in made} <= {type(arguments[i]) for arguments in known}
    texts = list(map(repr, [*known, *made]))
    assert len(set(texts[len(set(map(repr, known))) :])) >= len(made)
    assert not set(map(repr, made)) & set(map(repr, known))


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_inputs_of_sets_are_the_same_in_every_process(seed: str) -> None:
    program = (
        "from coder.sampling.inputs import inputs_of\n"
        "from coder.sampling.behaviour import described\n"
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
