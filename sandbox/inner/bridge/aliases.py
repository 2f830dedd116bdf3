"""Containers that cross twice: within one value, or again in a later one, as they are still in use here.

Values cross as copies, so a receiver couldn't tell one list that is given twice from two equal ones.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

EARLIER = 0
"""Place of a container that crossed in an earlier value."""
_MOST_KEPT = 10_000
"""Containers of one value that are known in later ones."""


class Aliases:
    """Places of the containers in one value, and containers of earlier ones."""

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}
        self._places: dict[int, int] = {}
        self._items: dict[int, Any] = {}
        """Containers by id(), which no other object gets while they are here."""

    def begin(self) -> None:
        """Begin another value; forget what nothing else refers to, as it can't cross again."""
        kept, items = self._kept, self._items
        kept.update(items if len(items) <= _MOST_KEPT else islice(items.items(), _MOST_KEPT))
        self._places, self._items = {}, {}
        items.clear()
        for number in [*kept]:  # outer containers stand first, and refer to inner ones
            if sys.getrefcount(kept[number]) == _ALONE:
                del kept[number]

    def find(self, item: object, place: int) -> int | None:
        """Return the place of a container's first occurrence; None if this is the first.

        What can be hashed is taken for what doesn't change.
        """
        if type(item).__hash__ is not None:
            return None
        number = id(item)
        first = self._places.get(number)
        if first is None:
            self._places[number], self._items[number] = place, item
            return EARLIER if number in self._kept else None
        return first


_one: dict[int, Any] = {0: []}
_ALONE = sys.getrefcount(_one[0])
