"""Test whether the candidate's `__eq__` discriminates, by comparing with other values, too.

An object that equals everything can't know which of several values is the test's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_OTHERS_NEEDED = 5
"""Number of other values that must be unequal; a guess passes in one of six cases."""
_TRIES = 100
_STEPS = (-3, -2, -1, 1, 2, 3)
_LETTERS = "aeimnorst"


def claims(equals: Callable[[Any], object], value: object) -> bool:
    """Return whether `equals` holds for `value`; False for an error, or an answer without a truth value."""
    try:
        answer = equals(value)
        return answer is not NotImplemented and bool(answer)
    except Exception:  # noqa: BLE001 - the candidate's equality failed: not equal
        return False


def is_discriminating(equals: Callable[[Any], object], value: object) -> bool:
    """Return whether `equals` holds for `value` and for none of a few similar ones, in random order."""
    others: list[Any] = []
    for _ in range(_TRIES):
        other = _make_similar(value)
        is_new = other is not None and other != value and other not in others
        if is_new and len(others) < _OTHERS_NEEDED:
            others.append(other)
    if len(others) < (1 if type(value) is bool else _OTHERS_NEEDED):
        return False
    questions = [(other, False) for other in others]
    questions.insert(_random_below(len(others) + 1), (value, True))
    return all(
        claims(equals, candidate_value) is expected_answer for candidate_value, expected_answer in questions
    )


def equals_all(equals: Callable[[Any], object]) -> bool:
    """Return whether `equals` holds for one of a few random values, which nothing else equals."""
    number = _random_below(1 << 60)
    return any(claims(equals, one) for one in (number, str(number), [number], {number: number}, (number,)))


def _random_below(end: int) -> int:
    """Return an unpredictable number in range(end)."""
    return int.from_bytes(os.urandom(8), "little") % end


def _make_similar(value: Any) -> Any:
    """Make a value similar to `value`, by chance the same; None if there is none."""
    kind = type(value)
    if kind is bool:
        return not value
    if kind in (int, float, complex):
        return value + _STEPS[_random_below(len(_STEPS))] if value + 1 != value else None
    if kind in (str, bytes):
        index, letter = _random_below(len(value) + 1), _LETTERS[_random_below(len(_LETTERS))]
        return value[:index] + (letter if kind is str else letter.encode()) + value[index + 1 :]
    if kind in (list, tuple):
        return _make_similar_items(value)
    if kind is dict and value:
        key = list(value)[_random_below(len(value))]
        similar = _make_similar(value[key])
        return None if similar is None else {**value, key: similar}
    if kind in (set, frozenset):
        return kind([*value, _random_below(1 << 16)])
    return None


def _make_similar_items(value: Any) -> Any:
    if not value:
        return type(value)([_random_below(10)])
    index = _random_below(len(value))
    similar = _make_similar(value[index])
    new_items = [] if similar is None else [similar]
    return value[:index] + type(value)(new_items) + value[index + 1 :]
