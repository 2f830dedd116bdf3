"""Change a plain value at one place, drawn by chance, to another value of its kind."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Any

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MOST_TRIES = 8
"""Places that are drawn until one can be changed."""
_SHARE_OF_ITEMS = 0.7
"""Share of changes of a container that change one of its items; others drop or repeat one, or swap two."""
_MOST_SHORTENED = 8
"""Items of a collection that are made shorter."""
_IN_PLACE_OF_NONE: tuple[object, ...] = (0, 1, "", "x", True, False, (), 0.5)


class Extension:
    """A value that crosses by its payload: of the standard library, or a reference."""

    __slots__ = ("payload",)

    def __init__(self, payload: Any) -> None:
        self.payload = payload


class Unchangeable(Exception):
    """No other value of this kind is known."""


def change(value: Any, chance: Random) -> Any:
    """Return a copy of a value that differs at one place. Raises Unchangeable."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(_changed_items(list(value), chance))
    if kind in (set, frozenset):
        other = kind(_changed_items(list(value), chance))
        return other if other != value else kind(list(value)[1:])
    if kind is dict:
        return _changed_table(value, chance)
    if kind is Extension:
        return _changed_parts(value, chance)
    make = _CHANGES.get(kind)
    if make is None:
        raise Unchangeable
    return make(value, chance)


def _changed_number(value: int, chance: Random) -> int:
    others = {value + 1, value - 1, value + 2, 2 * value + 1, -value - 1, 10 * value + 7, 0} - {value}
    return chance.choice(sorted(others))


def _changed_float(value: float, chance: Random) -> float:
    others = (value + 1, value - 1, value * 1.01 + 0.01, 2 * value + 1, -value, 0.0, 1.0)
    return chance.choice([other for other in others if other != value and other == other] or [0.0])


def _changed_text(value: str, chance: Random) -> str:
    tokens = list(_TOKEN.finditer(value))
    if not tokens:
        return value + "x"
    token = chance.choice(tokens)
    start, end, text = token.start(), token.end(), token.group()
    way = chance.random()
    if way < _SHARE_OF_ITEMS:
        text = _changed_token(text, chance)
    else:
        text = "" if way < (1 + _SHARE_OF_ITEMS) / 2 else text * 2
    return value[:start] + text + value[end:]


def _changed_token(text: str, chance: Random) -> str:
    if text.isascii() and text.isdigit() and len(text) < 16 and chance.random() < 0.5:
        return str(int(text) + chance.randint(1, 9))
    at = chance.randrange(len(text))
    choices = "0123456789" if text[at].isdigit() else "aeghiknorstuxyz" if text[at].isalnum() else " .;"
    return text[:at] + chance.choice([one for one in choices if one != text[at]]) + text[at + 1 :]


def _changed_items(items: list[Any], chance: Random) -> list[Any]:
    if not items:
        return [0]
    at, way = chance.randrange(len(items)), chance.random()
    if way < _SHARE_OF_ITEMS:
        for _ in range(_MOST_TRIES):
            try:
                items[at] = change(items[at], chance)
            except Unchangeable:
                at = chance.randrange(len(items))
            else:
                return items
    if way < (1 + _SHARE_OF_ITEMS) / 2 or len(items) < 2:
        del items[at]
    elif way < (3 + _SHARE_OF_ITEMS) / 4:
        items.insert(at, items[at])
    else:
        before, other = items[:], (at + chance.randrange(1, len(items))) % len(items)
        items[at], items[other] = items[other], items[at]
        if items == before:
            del items[at]
    return items


def _changed_table(table: dict[Any, Any], chance: Random) -> dict[Any, Any]:
    if not table:
        return {0: 0}
    key, way = chance.choice(list(table)), chance.random()
    if way < _SHARE_OF_ITEMS:
        try:
            return {**table, key: change(table[key], chance)}
        except Unchangeable:
            pass
    rest = {other: value for other, value in table.items() if other != key}
    if way > (1 + _SHARE_OF_ITEMS) / 2:
        rest[change(key, chance)] = table[key]
    return rest


def shortened(value: Any) -> Iterator[list[Any]]:
    """Yield, for a value and for each collection in it, the value without the last items there.

    Each time without the last one, and without the second half.
    """
    kind = type(value)
    if kind is Extension:
        for at, part in enumerate(value.payload if value.payload[0] not in _REFERENCES else ()):
            for others in shortened(part):
                yield [Extension((*value.payload[:at], one, *value.payload[at + 1 :])) for one in others]
    elif kind is str and value:
        lines = value.splitlines(keepends=True)
        yield ["".join(lines[:count]) for count in sorted({len(lines) - 1, len(lines) // 2})]
    elif kind in (list, tuple, set, frozenset, dict) and value:
        yield [_first(value, count) for count in sorted({len(value) - 1, len(value) // 2})]
        pairs = value.items() if kind is dict else enumerate(value) if kind in (list, tuple) else ()
        for key, item in islice(pairs, _MOST_SHORTENED):
            if type(item) in (list, set, dict):
                for others in islice(shortened(item), 1):
                    yield [_with_item(value, key, one) for one in others]


def count_items(value: Any) -> int:
    """Return the number of items in a value, also in its items; of a text, its line ends."""
    count, stack = 0, [value]
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind is Extension:
            stack.extend(one.payload if one.payload[0] not in _REFERENCES else ())
        elif kind is str:
            count += one.count("\n")
        elif kind in (list, tuple, set, frozenset, dict):
            count += len(one)
            stack.extend(one.values() if kind is dict else one)
    return count


def _first(value: Any, count: int) -> Any:
    """Return a collection of the first items of another."""
    return type(value)(islice(value.items() if type(value) is dict else value, count))


def _with_item(value: Any, key: Any, item: Any) -> Any:
    if type(value) is dict:
        return {**value, key: item}
    return type(value)((*value[:key], item, *value[key + 1 :]))


_REFERENCES = frozenset(
    ("object", "class", "function", "module", "generator", "coroutine", "yours", "mine", "shared", "lent")
)
_WITH_NUMBER = frozenset(("record", "missing", "error"))
"""Kinds of references with plain parts after their number."""
_TYPES = ("builtin", "single", "Pattern", "array", "memoryview")
"""Standard values whose parts name a type or a syntax."""


def _changed_parts(value: Extension, chance: Random) -> Extension:
    payload = value.payload
    if payload[0] in _REFERENCES or payload[0] in _TYPES:
        raise Unchangeable
    if payload[0] == "Decimal":
        return Extension(("Decimal", str(_changed_float(float(payload[1]), chance))))
    first = 2 if payload[0] in _WITH_NUMBER else 1
    places = list(range(first, len(payload)))
    chance.shuffle(places)
    for at in places:
        try:
            part = change(payload[at], chance)
        except Unchangeable:
            continue
        return Extension((*payload[:at], part, *payload[at + 1 :]))
    raise Unchangeable


_CHANGES: dict[type, Callable[[Any, Random], Any]] = {
    bool: lambda value, _: not value,
    int: _changed_number,
    float: _changed_float,
    complex: lambda value, chance: complex(_changed_float(value.real, chance), value.imag),
    str: _changed_text,
    bytes: lambda value, chance: _changed_text(value.decode("latin-1"), chance).encode("latin-1"),
    type(None): lambda _, chance: chance.choice(_IN_PLACE_OF_NONE),
}


def constants_in(tree: ast.AST, called: str) -> Iterator[ast.Constant]:
    """Yield the constants of a test that may be expectations.

    Those aren't that are passed to the function `called`, are messages of assertions or stand alone.
    """
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Constant):
            if type(child.value) in _CHANGES and not isinstance(tree, (ast.Expr, ast.JoinedStr)):
                yield child
        elif isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == called:
            continue
        elif not (isinstance(tree, ast.Assert) and child is tree.msg):
            yield from constants_in(child, called)
