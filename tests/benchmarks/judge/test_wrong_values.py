"""Values of the same kind, and wrong ones that share the features of right ones."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from benchmarks.judge.alike import Words, common_words, similar_constants, words_in
from benchmarks.judge.features import differing_features, features
from benchmarks.judge.wrong_values import wrong_values

WORDS = common_words()


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (100, lambda one: one % 100 == 0),
        (30, lambda one: one % 10 == 0),
        (1024, lambda one: one % 2 == 0),
        (7, lambda one: 0 < one < 10),
        (-12, lambda one: one < 0),
        (2.5, lambda one: one > 0 and len(str(one)) == 3),
        (1.0, lambda one: one.is_integer()),
        ("Margaret", lambda one: one.istitle() and one in WORDS),
        ("hello", lambda one: one in WORDS and len(one) == 5),
        ("RED", lambda one: one.isupper() and len(one) == 3),
        ("abc", lambda one: ord(one[2]) - ord(one[1]) == ord(one[1]) - ord(one[0]) == 1),
        ("2024-03-05", lambda one: one[:4].isdigit() and one[4:] == "-03-05"),
        ('{"a": [1, 2]}', lambda one: isinstance(json.loads(one), dict)),
        ("--", lambda one: len(one) == 2),
        (b"cat", lambda one: isinstance(one, bytes) and len(one) == 3),
        (True, lambda one: one is False),
    ],
)
def test_another_value_is_of_the_same_kind(value: object, holds: Callable[[Any], bool]) -> None:
    others = similar_constants(value, WORDS, 4)

    assert value not in others
    assert len(set(others)) == len(others) > 0
    assert [one for one in others if not holds(one)] == []


def test_words_come_from_the_suite_too() -> None:
    words = Words(words_in(["the zygote and the isthmus"]) - WORDS)

    assert set(similar_constants("embryo", words, 2)) == {"zygote", "isthmus"}


@pytest.mark.parametrize(
    ("right", "inputs", "holds"),
    [
        ([6000, 9000], [[200, 30], [300, 30]], lambda one: one % 100 == 0),
        (['{"a": 1}', '{"b": 2}'], [[{"a": 1}], [{"b": 2}]], lambda one: isinstance(json.loads(one), dict)),
        ([[1, 2, 3], [2, 3, 4]], [[[3, 1, 2]], [[4, 2, 3]]], lambda one: len(one) == 3),
    ],
)
def test_a_wrong_value_keeps_what_is_seen_at_first_sight(
    right: list[object], inputs: list[list[object]], holds: Callable[[Any], bool]
) -> None:
    for turn in range(1, 12):
        chance = random.Random(turn)
        written = (right[0], inputs[0])
        wrong = wrong_values(
            right, inputs, [0, 1], WORDS, written=written, others=[], chance=chance, turn=turn
        )
        assert [one for one, other in zip(wrong, right, strict=True) if one == other] == []
        assert [one for one in wrong if not holds(one)] == []


def of_turn(
    turn: int, rights: list[object], inputs: list[list[object]], others: list[object]
) -> list[object]:
    """Wrong values where the test itself expects the first right one."""
    chance, written = random.Random(turn), (rights[0], inputs[0])
    return wrong_values(
        rights[1:],
        inputs[1:],
        [0],
        Words(WORDS | {"rats"}),
        written=written,
        others=others,
        chance=chance,
        turn=turn,
    )


def test_a_habit_that_knows_one_feature_meets_wrong_values_that_have_it() -> None:
    inputs: list[list[object]] = [["star"], ["house"]]

    values = [str(of_turn(turn, ["rats", "esuoh"], inputs, [])[0]) for turn in range(12)]

    assert any(sorted(one) == sorted("house") for one in values)
    assert any(one in WORDS for one in values)


def test_every_third_judgement_has_right_values_of_other_inputs() -> None:
    (wrong,) = of_turn(3, [144, 196], [[12], [14]], [324, 576, 16])

    assert wrong in (324, 576, 16)


def test_features_that_differ_are_named() -> None:
    def of(value: object) -> Mapping[str, object]:
        return features(value, [], WORDS)

    assert differing_features(of(100), of(101)) == {"roundness", "parity", "five", "square"}
    assert "order" in differing_features(of([1, 2]), of([2, 1]))
    assert differing_features(of("cat"), of("dog")) == frozenset()


def test_items_are_compared_with_the_single_values_of_the_input() -> None:
    def of(item: int) -> Mapping[str, object]:
        return features([item], [4, [7]], WORDS)

    orders = {f"items' order to input 0: {order}" for order in ((False, False), (True, False))}

    assert orders <= differing_features(of(3), of(5))


@pytest.mark.parametrize(
    "rights",
    [
        ([3], []),
        ([[3], []], [[], [3]]),
        ({"a": 1}, {"b": 2}),
        ({"a": 1}, {}),
        ("word", ""),
        ((1,), (True,)),
        (5e-324,),
        (1e300, 1e300),
        ([""], ["x"]),
    ],
)
def test_every_value_has_a_wrong_one_also_where_twins_have_no_common_place(
    rights: tuple[object, ...],
) -> None:
    for turn in range(9):
        wrong = wrong_values(
            rights,
            [[1]] * len(rights),
            [0, 1][: len(rights)],
            WORDS,
            written=(rights[0], [1]),
            others=[],
            chance=random.Random(turn),
            turn=turn,
        )

        assert [type(one) for one in wrong] == [type(one) for one in rights]
        assert all(one != right for one, right in zip(wrong, rights, strict=True))
