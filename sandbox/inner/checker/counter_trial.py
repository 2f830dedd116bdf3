"""Try each comparison of a passing test once more with other values: it has to come out the other way.

A comparison that holds for an answer whatever is on its other side shows nothing about the answer: an object
that equals everything, a text that contains everything, NaN. The candidate isn't called again: only what is
compared at the place is compared once more, with one side changed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from contextlib import suppress
from numbers import Real
from typing import Any

from sandbox.inner.bridge.proxies import is_proxy

COMPARE = "@compare"
"""Name of the function that compares; it is no identifier, so no source can contain it."""
_ALWAYS_TRIED = 16
"""Comparisons at one place that are all tried; then only each whose number is a power of two."""
_MOST_ITEMS = 32
"""Items of a display that is searched: a test may have megabytes of values."""
_NAMES: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}
_CONTAINERS = (str, bytes, bytearray, list, tuple, set, frozenset, dict, range)
"""Kinds of values in which a search leaves everything as it was, unlike in an iterator."""
_IS_SAME = {"==": True, "!=": False, "in": True, "not in": False}
"""Outcome of a comparison for equal sides."""


class CounterTrial:
    """The comparisons of one test."""

    def __init__(self, *, is_tried: bool) -> None:
        """Compare, and try other values if `is_tried`."""
        self.turned: dict[str, frozenset[int]] = {}
        """By place: numbers of the changes that turned each comparison there."""
        self._is_tried = is_tried
        self._counts: dict[str, int] = {}

    def compare(self, place: str, name: str, left: Any, right: Any) -> Any:
        """Return what the comparison is; then try it with other values. Raises what the comparison raises."""
        outcome = _OPERATORS[name](left, right)
        if self._is_tried:
            count = self._counts[place] = self._counts.get(place, 0) + 1
            if count <= _ALWAYS_TRIED or not count & (count - 1):
                self._is_tried = False  # a class of the test may compare while it is compared
                try:
                    self._try(place, name, left, right, outcome)
                finally:
                    self._is_tried = True
        return outcome

    def _try(self, place: str, name: str, left: Any, right: Any, outcome: Any) -> None:
        turned = frozenset[int]()
        is_read_once = name in ("in", "not in") and not isinstance(right, _CONTAINERS)
        if not (is_proxy(left) or is_proxy(right) or is_read_once):
            with suppress(Exception):  # values that can't be changed show nothing
                sides = _changed_sides(name, left, right, outcome)
                turned = frozenset(
                    number for number, pair in enumerate(sides) if _is_turned(name, pair, outcome)
                )
        self.turned[place] = self.turned.get(place, turned) & turned


def _is_turned(name: str, sides: tuple[Any, Any], outcome: Any) -> bool:
    try:
        return bool(_OPERATORS[name](*sides)) != bool(outcome)
    except Exception:  # noqa: BLE001 - values that can't be compared show nothing
        return False


def _changed_sides(name: str, left: Any, right: Any, outcome: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs with one side changed, of which an honest comparison is the opposite."""
    if name not in _IS_SAME:
        yield from ((left, left), (right, right))
        for near, first in ((left, True), (right, False)):
            numbers = [near - 1, near + 1] if isinstance(near, Real) else []
            yield from ((near, number) if first else (number, near) for number in numbers)
    elif outcome is not _IS_SAME[name]:
        yield from ((left, left), (right, right)) if name in ("==", "!=") else ()
    elif name in ("==", "!="):
        yield from ((left, change(right)), (change(left), right))
    else:
        yield from ((other, right) for other in _other_items(left))


def _other_items(item: Any) -> tuple[Any, ...]:
    if type(item) is str:
        return tuple(other for other in (_with_digits(item), _with_letters(item)) if other != item)
    return (change(item), change(change(item)))


def change(value: Any) -> Any:
    """Return another value of the same kind; a plain object for a value of no builtin kind."""
    kind = type(value)
    if kind is bool:
        return not value
    if kind in (int, float, complex):
        return value + 1 if value + 1 != value == value else kind(0) if value else kind(1)
    if kind is str:
        changed = _with_letters(_with_digits(value))
        return changed if changed != value else f"{value}x"
    if kind is bytes:
        return value + b"x"
    if kind in (list, tuple):
        return kind((change(value[0]), *value[1:])) if value else kind((0,))
    if kind in (set, frozenset):
        return kind((*value, _OTHER))
    if kind is dict:
        key = next(iter(value), 0)
        return {**value, key: change(value.get(key))}
    return 0 if value is None else _OTHER


_OTHER = object()
"""Equal to nothing but itself."""


def _with_digits(text: str) -> str:
    return text.translate({ord("0") + digit: str((digit + 1) % 10) for digit in range(10)})


def _with_letters(text: str) -> str:
    return text.translate({ord(one): chr(ord(one) + (-25 if one in "zZ" else 1)) for one in _LETTERS})


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def hand_over_comparisons(tree: ast.Module) -> ast.Module:
    """Replace each comparison of two values in a test by a call of `COMPARE`."""
    return _HandOver().visit(tree)  # type: ignore[no-any-return]


class _HandOver(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) > _MOST_ITEMS:
            return node
        if isinstance(node, ast.Dict) and len(node.keys) > _MOST_ITEMS:
            return node
        return super().generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        name = _NAMES.get(type(node.ops[0]))
        if name is None or len(node.ops) > 1:
            return node
        words = [ast.Constant(f"{node.lineno}:{node.col_offset}"), ast.Constant(name)]
        call = ast.Call(ast.Name(COMPARE, ast.Load()), [*words, node.left, node.comparators[0]], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))
