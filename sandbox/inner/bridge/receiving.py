"""Containers that stand for objects of the candidate's own classes; the receiver compares them."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from typing import Any

from sandbox.inner.bridge.codec import CodecError


class Items(MutableSequence):  # type: ignore[type-arg]
    """A sequence of a custom class; if that defines equality, it equals lists and tuples of its items."""

    def __init__(self, items: list[Any], has_equality: bool = False) -> None:
        self.items, self.has_equality = items, has_equality

    def __getitem__(self, place: Any) -> Any:
        item_or_items = self.items[place]
        return Items(item_or_items, self.has_equality) if type(place) is slice else item_or_items

    def __setitem__(self, place: Any, item: Any) -> None:
        self.items[place] = item

    def __delitem__(self, place: Any) -> None:
        del self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.has_equality and isinstance(other, (list, tuple, Items)) and self.items == [*other]

    __hash__ = None  # type: ignore[assignment]

    def insert(self, place: int, item: Any) -> None:
        """Insert an item."""
        self.items.insert(place, item)

    def __repr__(self) -> str:
        return f"<items {self.items!r}>"


class ComputingDict(dict):  # type: ignore[type-arg]
    """A dict whose class computes missing values, which are requested by key."""

    __slots__ = ("ask", "number")
    ask: Callable[[object], tuple[object, ...]]
    number: int

    def __missing__(self, key: object) -> object:
        answer = self.ask(key)
        if not answer:
            raise KeyError(key)
        value, is_kept = answer
        if is_kept is True:
            self[key] = value
        return value


def make_table(link: Any, number: int, content: object) -> ComputingDict:
    """Make the dict that is object `number` of the candidate. Raises CodecError for invalid content."""
    if type(content) is not dict:
        raise CodecError("no content of a dict")
    table = ComputingDict(content)
    table.number, table.ask = number, lambda key: link.request("missing", number, key)
    return table


def value_of(table: Any, key: object) -> tuple[object, ...]:
    """Return a dict's value for a missing key, and whether the dict keeps it; empty if it has no value."""
    try:
        value = table[key]
    except KeyError:
        return ()
    return value, key in table
