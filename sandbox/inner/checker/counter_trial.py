"""Try the comparisons of a passing test once more: what holds whatever is compared shows nothing.

Comparisons of plain data are decided by Python alone, so little is tried: that both sides are equal to
themselves, as NaN isn't, and that a text or list which holds a value doesn't hold its neighbours, too. A side
whose class the test can't know, such as one that a text of the answer made, may equal everything. The
candidate isn't called again, and no code of a class runs.
"""

from __future__ import annotations

import ast
import builtins
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString
from collections.abc import Callable
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Literal

from sandbox.inner.bridge.named_tuples import class_number
from sandbox.inner.bridge.operators import look_up
from sandbox.inner.bridge.plain_copies import is_path
from sandbox.inner.bridge.proxies import is_proxy
from sandbox.inner.bridge.receiving import ComputingDict
from sandbox.inner.bridge.standard import taker

Seen = Literal["honest", "blind", "foreign", "untried"]
"""What a comparison showed: it tells values apart, or doesn't; a side is of no known class; nothing."""
_WORST: tuple[Seen, ...] = ("foreign", "blind", "honest", "untried")
_ALWAYS_TRIED = 16
"""Comparisons at one place that are tried."""
_MOST_ITEMS = 200
"""Items of a value that are looked at."""
_MOST_SEARCHED = 32
"""Items of a display in a test that are searched: a test may have megabytes of values."""
MORE_FRAMES = 1_000
"""Frames that comparisons of recursive classes may take more, as each passes through one of ours."""
_SCALARS = (int, float, complex, bool, str, bytes, type(None))
_ITEMS = (list, tuple, set, frozenset)
_CONTAINERS = (str, bytes, list, tuple, set, frozenset, dict, range)
"""Kinds of values in which a search leaves everything as it was, unlike in an iterator."""
_EMPTY: tuple[dict[Any, Any], ...] = ({}, OrderedDict())
_COPIES = (
    *(UserDict, UserList, UserString, ChainMap, MappingProxyType, ComputingDict),
    *(type(view) for empty in _EMPTY for view in (empty.keys(), empty.values(), empty.items())),
)
"""Further classes of the copies that answers cross as."""
_STEPS = (1, 2, 3, 5, 7, 11, -1, -2)
"""From a number to its neighbours."""
_LEAST_TEXT = 3
"""Characters of a text without digits that has neighbours: single letters are in most texts."""
_NAMES: dict[type[ast.cmpop], str] = {
    ast.Eq: "@==",
    ast.NotEq: "@!=",
    ast.Lt: "@<",
    ast.LtE: "@<=",
    ast.Gt: "@>",
    ast.GtE: "@>=",
    ast.In: "@in",
    ast.NotIn: "@not in",
}
"""Names of the functions that compare; they are no identifiers, so no source can contain them."""


class CounterTrial:
    """The comparisons of one test."""

    def __init__(self, *, is_tried: bool) -> None:
        """Compare, and try the comparisons if `is_tried`."""
        self.seen: dict[str, Seen] = {}
        """By place and outcome: the worst that a comparison there showed."""
        self._left: dict[str, int] = {}
        self._most = _ALWAYS_TRIED if is_tried else 0

    def install(self) -> None:
        """Have the comparisons of tests in this process call this object."""
        operators: dict[str, Callable[[str, Any, Any], Any]] = {
            "@==": self._equal,
            "@!=": self._unequal,
            "@<": self._less,
            "@<=": self._less_or_equal,
            "@>": self._greater,
            "@>=": self._greater_or_equal,
            "@in": self._contained,
            "@not in": self._not_contained,
        }
        vars(builtins).update(operators)  # each namespace has them, also one that a test makes

    def _note(self, place: str, left: Any, right: Any, outcome: Any, *, is_search: bool = False) -> Any:
        left_over = self._left.get(place, self._most)
        if left_over:
            self._left[place] = left_over - 1
            seen = _look(left, right, outcome, is_search=is_search)
            key = f"{place}:{outcome is True}"
            self.seen[key] = min(seen, self.seen.get(key, "untried"), key=_WORST.index)
        return outcome

    def _equal(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left == right)

    def _unequal(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left != right)

    def _less(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left < right)

    def _less_or_equal(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left <= right)

    def _greater(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left > right)

    def _greater_or_equal(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left >= right)

    def _contained(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left in right, is_search=True)

    def _not_contained(self, place: str, left: Any, right: Any) -> Any:
        return self._note(place, left, right, left not in right, is_search=True)


def _look(left: Any, right: Any, outcome: Any, *, is_search: bool) -> Seen:
    kinds = {_kind_of(left), _kind_of(right)}
    if kinds != {"plain"}:
        return "foreign" if "foreign" in kinds else "untried"
    with suppress(Exception):  # too large, or of another kind: it shows nothing
        if is_search:
            others = _neighbours(left) if outcome is True and type(right) in _CONTAINERS else ()
            return ("honest" if any(one not in right for one in others) else "blind") if others else "untried"
        return "honest" if left == left and right == right else "blind"
    return "untried"


def _kind_of(value: Any) -> Literal["plain", "foreign", "untried"]:
    """Return whether a value's classes are all of the standard library, so that no other code compares it."""
    pending, count = [value], 0
    while pending and count < _MOST_ITEMS:
        one, count = pending.pop(), count + 1
        kind = type(one)
        if kind in _SCALARS:
            continue
        if kind in _ITEMS:
            pending += list(one)[: _MOST_ITEMS - count]
        elif kind is dict:
            pending += [*one.keys(), *one.values()][: _MOST_ITEMS - count]
        elif class_number(one) is not None:  # a record of the candidate, compared as a tuple
            continue
        elif is_proxy(one) or look_up(kind, "__next__") is not None:
            return "untried"
        elif taker(kind) is None and kind not in _COPIES and not is_path(kind):
            return "foreign"
    return "plain"


def _neighbours(value: Any) -> tuple[Any, ...]:
    """Return other values near one; none for a value that may well stand beside any other."""
    if type(value) in (int, float):
        return tuple(value + step for step in _STEPS)
    if type(value) is not str:
        return ()
    if any(letter in _DIGITS for letter in value):
        return tuple(_moved(value, _DIGITS, step) for step in range(1, len(_DIGITS)))
    return tuple(_moved(value, _LETTERS, step) for step in range(1, 9)) if len(value) >= _LEAST_TEXT else ()


_DIGITS, _LETTERS = "0123456789", "abcdefghijklmnopqrstuvwxyz"


def _moved(text: str, alphabet: str, step: int) -> str:
    moved = alphabet[step:] + alphabet[:step]
    return text.translate(str.maketrans(alphabet + alphabet.upper(), moved + moved.upper()))


def hand_over_comparisons(tree: ast.Module) -> ast.Module:
    """Replace each comparison of two values in a test by a call of the function of its operator."""
    return _HandOver().visit(tree)  # type: ignore[no-any-return]


class _HandOver(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) > _MOST_SEARCHED:
            return node
        if isinstance(node, ast.Dict) and len(node.keys) > _MOST_SEARCHED:
            return node
        return super().generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        name = _NAMES.get(type(node.ops[0]))
        if name is None or len(node.ops) > 1:
            return node
        place = ast.Constant(f"{node.lineno}:{node.col_offset}")
        call = ast.Call(ast.Name(name, ast.Load()), [place, node.left, node.comparators[0]], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))
