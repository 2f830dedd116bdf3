"""Twins of a test don't give away which of them is right."""

import ast
import random
from collections import Counter

import pytest

from benchmarks.judge.decoys import chosen, disguise, variants_of

SOURCE = "def test_f():\n    assert f(3) == 7\n\n\ndef test_g():\n    assert g('abc') is True\n"


def values(source: str) -> list[object]:
    """What the tests of a disguised file compare with."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            found.append(ast.literal_eval(node.test.comparators[0]))
    return found


def test_all_twins_of_a_test_differ_from_it_in_one_place() -> None:
    (place, *_) = [one for one in variants_of(SOURCE)["test_f"] if _is_of(one[0], 7)]

    hidden = disguise(SOURCE, {"test_f": place}, random.Random(1))

    assert sorted(value for value in values(hidden.source) if value is not True) == [4, 5, 6, 7, 8, 9, 10]


def _is_of(variant: int, value: int) -> bool:
    """Whether a variant changes the value that is expected."""
    twins = values(disguise(SOURCE, {"test_f": [variant]}, random.Random(1)).source)
    return twins.count(value) == 1


def test_the_right_value_is_as_often_the_least_as_the_greatest_or_between() -> None:
    (place, *_) = [one for one in variants_of(SOURCE)["test_f"] if _is_of(one[0], 7)]
    chance = random.Random(1)
    ranks: Counter[int] = Counter()

    for _ in range(300):
        hidden = disguise(SOURCE, {"test_f": chosen(place, chance)}, chance)
        ranks[sorted(value for value in values(hidden.source) if value is not True).index(7)] += 1

    assert set(ranks) == {0, 1, 2, 3}
    assert min(ranks.values()) > 50


def test_a_text_without_letters_is_no_shorter_than_its_twins_nor_the_only_one_that_a_person_wrote() -> None:
    source = "def test_f():\n    assert f(3) == u'--'\n"
    place = variants_of(source)["test_f"][1]

    hidden = disguise(source, {"test_f": place}, random.Random(1))

    assert {len(str(value)) for value in values(hidden.source)} == {2}
    assert len(set(values(hidden.source))) == 7
    assert "u'" not in hidden.source


@pytest.mark.parametrize("variants", [[0], [1, 2], [6, 8], [7, 8, 9]])
def test_twins_that_fail_with_the_right_answer_are_chosen_only_among_the_given(variants: list[int]) -> None:
    assert set(chosen(variants, random.Random(1))) <= set(variants)
