"""The types that JSON lost: arguments of MBPP+ that are tuples, sets or complex numbers.

Facts of the data, by the number of the case, as evalplus 0.3.1 restores them.
"""

from collections.abc import Callable
from typing import Any

Arguments = list[Any]

_EACH_TUPLE = {
    2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744,
    809,
}  # fmt: skip
_EACH_OF_TUPLES = {63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780}
_FIRST_OF_TUPLES = {75, 413, 444, 753}
_SECOND_TUPLE = {106, 750}
_FIRST_TUPLE = {250, 405, 446, 617, 720, 763, 808, 307}
_EACH_TUPLE_OF_TUPLES = {259, 401, 445}
_ALL_TUPLES = {580, 615, 791}


def real_inputs(number: int, inputs: list[Arguments]) -> list[object]:
    """The inputs of a case with the types that its function takes."""
    convert = _by_number().get(number)
    return [convert(arguments) for arguments in inputs] if convert else list(inputs)


def _by_number() -> dict[int, Callable[[Arguments], object]]:
    groups: list[tuple[set[int], Callable[[Arguments], object]]] = [
        (_EACH_TUPLE, lambda a: [tuple(one) for one in a]),
        (_EACH_OF_TUPLES, lambda a: [_of_tuples(one) for one in a]),
        (_FIRST_OF_TUPLES, lambda a: [_of_tuples(a[0]), *a[1:]]),
        (_SECOND_TUPLE, lambda a: [a[0], tuple(a[1]), *a[2:]]),
        (_FIRST_TUPLE, lambda a: [tuple(a[0]), *a[1:]]),
        (_EACH_TUPLE_OF_TUPLES, lambda a: [tuple(_of_tuples(one)) for one in a]),
        (_ALL_TUPLES, _deep),
        ({115}, lambda a: [[set(one) if isinstance(one, list) and one else {} for one in a[0]]]),
        ({124}, lambda a: [float(a[0]), complex(a[1])]),
        ({252}, lambda a: [complex(a[0])]),
        ({278}, lambda a: [tuple(tuple(one) if isinstance(one, list) else one for one in a[0])]),
        ({722}, lambda a: [{key: tuple(value) for key, value in a[0].items()}, *a[1:]]),
    ]
    return {number: convert for numbers, convert in groups for number in numbers}


def _of_tuples(lists: Arguments) -> list[object]:
    return [tuple(one) for one in lists]


def _deep(value: object) -> object:
    return tuple(_deep(one) for one in value) if isinstance(value, list) else value
