"""Test whether the candidate's `__eq__` discriminates, by asking it about other values too.

An object that equals everything can't know which of several values is the test's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_WANTED = 5
"""Other values that must be unequal; a guess passes in one of six cases."""
_TRIES = 100
_STEPS = (-3, -2, -1, 1, 2, 3)
_LETTERS = "aeimnorst"


def claims(equals: Callable[[Any], object], value: object) -> bool:
    """Whether `equals` holds for `value`; an error or an answer without a truth value counts as no."""
    try:
        answer = equals(value)
        return answer is not NotImplemented and bool(answer)
    except Exception:  # noqa: BLE001 - the candidate's equality failed: not equal
        return False


def is_discriminating(equals: Callable[[Any], object], value: object) -> bool:
    """Whether `equals` holds for `value` and for none of a few similar ones, asked in random order."""
    others: list[Any] = []
    for _ in range(_TRIES):
        other = _other(value)
        if other is not None and other not in others and len(others) < _WANTED:
            others.append(other)
    if len(others) < (1 if type(value) is bool else _WANTED):
        return False
    asked = [(other, False) for other in others]
    asked.insert(_below(len(others) + 1), (value, True))
    return all(claims(equals, one) is wanted for one, wanted in asked)


def equals_all(equals: Callable[[Any], object]) -> bool:
    """Whether `equals` holds for one of a few values that nothing else equals."""
    number = _below(1 << 60)
    return any(claims(equals, one) for one in (number, str(number), [number], {number: number}, (number,)))


def _below(end: int) -> int:
    """An unpredictable number in range(end)."""
    return int.from_bytes(os.urandom(8), "little") % end


def _other(value: Any) -> Any:
    """A value similar but unequal to `value`; None if there is none."""
    kind = type(value)
    if kind is bool:
        return not value
    if kind in (int, float, complex):
        return value + _STEPS[_below(len(_STEPS))] if value + 1 != value else None
    if kind in (str, bytes):
        at, letter = _below(len(value) + 1), _LETTERS[_below(len(_LETTERS))]
        return value[:at] + (letter if kind is str else letter.encode()) + value[at + 1 :]
    if kind in (list, tuple):
        return _other_items(value)
    if kind is dict and value:
        key = list(value)[_below(len(value))]
        changed = _other(value[key])
        return None if changed is None else {**value, key: changed}
    if kind in (set, frozenset):
        return kind([*value, _below(1 << 16)])
    return None


def _other_items(value: Any) -> Any:
    if not value:
        return type(value)([_below(10)])
    at = _below(len(value))
    changed = _other(value[at])
    new = [] if changed is None else [changed]
    return value[:at] + type(value)(new) + value[at + 1 :]
