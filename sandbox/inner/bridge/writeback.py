"""Report a callee's changes to its arguments, which cross as copies.

Both sides number the mutable containers of the arguments in the same order. A change replaces a container's
contents; a container that was moved or returned keeps its identity.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from operator import is_not
from typing import Any

_ROWS = (list, deque)
_TABLES = (dict, OrderedDict, Counter, defaultdict)
_ORDERED = frozenset({*_ROWS, tuple})
MUTABLE = frozenset({*_ROWS, *_TABLES, set, bytearray})
"""Types of containers that can be lent."""


def mutable_containers(value: object) -> list[Any]:
    """Mutable containers in `value`, in encoding order; `value` has no cycles."""
    found: list[Any] = []
    stack = [value]
    while stack:
        item: Any = stack.pop()
        kind = type(item)
        if kind in MUTABLE:
            found.append(item)
        if kind in _ORDERED:
            stack.extend(reversed(item))
        elif kind in _TABLES:
            stack.extend(reversed(list(item.values())))
    return found


class Writeback:
    """Containers lent to a call, and their contents before it."""

    def __init__(self, arguments: object) -> None:
        self.containers = mutable_containers(arguments)
        self._before = [item.copy() for item in self.containers]

    def known(self) -> dict[int, object]:
        """Payloads that stand for the lent containers, by id()."""
        return {id(item): ("lent", i) for i, item in enumerate(self.containers)}

    def changes(self) -> tuple[tuple[int, object], ...]:
        """Number and copy of each container whose contents changed."""
        pairs = zip(self.containers, self._before)  # noqa: B905 - as long by construction; no strict before 3.10
        return tuple((i, now.copy()) for i, (now, before) in enumerate(pairs) if _differs(now, before))


def _differs(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return True
    if type(now) is set:
        return set(map(id, now)) != set(map(id, before))
    if type(now) in _TABLES and any(map(is_not, now.values(), before.values())):
        return True
    return any(map(is_not, now, before))


def write_back(containers: list[Any], changes: object) -> None:
    """Apply all changes to the lender's containers, or none. Raises ValueError if one doesn't fit."""
    if type(changes) is not tuple:
        raise ValueError("changes to arguments that aren't a tuple")
    for change in changes:
        if type(change) is not tuple or len(change) != 2 or type(change[0]) is not int:
            raise ValueError("a change to an argument that isn't a number and a value")
        number, now = change
        if not 0 <= number < len(containers) or type(now) is not type(containers[number]):
            raise ValueError("a change to an argument that wasn't lent")
    for number, now in changes:
        hold(containers[number], now)


def hold(container: Any, now: Any) -> None:
    """Replace a container's contents by those of another of its type."""
    if type(container) in (list, bytearray):
        container[:] = now
    else:
        container.clear()
        (container.extend if type(container) is deque else container.update)(now)
