"""Generate values near a given one: plausible inputs that a test didn't use."""

from __future__ import annotations

import random
from typing import Any


def nearby(value: Any, chance: random.Random) -> Any:
    """A value of the same type and shape with one small change; possibly the value itself."""
    kind = type(value)
    change = _CHANGES.get(kind)
    return value if change is None else change(value, chance)


def _str(value: str, chance: random.Random) -> str:
    """Swap, repeat or drop characters of the text, which keeps its alphabet."""
    if not value:
        return value
    i, j = (chance.randrange(len(value)) for _ in range(2))
    shorter, longer = value[:i] + value[i + 1 :], value[:i] + value[j] + value[i:]
    return chance.choice([shorter or value, longer, value[:i] + value[j] + value[i + 1 :]])


def _list(value: list[Any], chance: random.Random) -> list[Any]:
    if not value:
        return value
    i, j = (chance.randrange(len(value)) for _ in range(2))
    near = [*value[:i], nearby(value[i], chance), *value[i + 1 :]]
    shorter, longer, swapped = value[:i] + value[i + 1 :], [*value, value[i]], list(value)
    swapped[i], swapped[j] = swapped[j], swapped[i]
    return chance.choice([near, near, longer, shorter or near, swapped])


def _tuple(value: tuple[Any, ...], chance: random.Random) -> tuple[Any, ...]:
    if not value:
        return value
    i = chance.randrange(len(value))  # its length is usually part of its meaning
    return (*value[:i], nearby(value[i], chance), *value[i + 1 :])


def _dict(value: dict[Any, Any], chance: random.Random) -> dict[Any, Any]:
    if not value:
        return value
    key = chance.choice(list(value))
    return {**value, key: nearby(value[key], chance)}


_CHANGES: dict[type, Any] = {
    bool: lambda value, chance: not value,
    int: lambda value, chance: chance.choice(
        [value + 1, value - 1 if value > 0 else value + 2, value + chance.randint(2, 9)]
    ),
    float: lambda value, chance: value + chance.choice([1.0, 0.5, 2.0]),
    str: _str,
    list: _list,
    tuple: _tuple,
    dict: _dict,
}
