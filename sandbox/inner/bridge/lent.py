"""The checker's containers of which the candidate has copies, from arguments and from answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sandbox.inner.bridge.writeback import Writeback


class Lent:
    """Mutable containers of this side that the other one holds copies of, during one request."""

    def __init__(self, arguments: list[Any], owners: list[frozenset[str]]) -> None:
        self.containers, self.owners = arguments, owners
        """Containers, and for each the arguments, or uses of the test's objects, that a change counts as."""
        self._before = len(arguments)
        self._answered = Writeback(())
        """Containers that were lent in answers."""

    def lend(self, value: object, *, own: Collection[int], owners: frozenset[str]) -> None:
        """Lend the containers of an answer."""
        more = self._answered.lend(value, own=own)
        if more:
            self.containers += self._answered.containers[-more:]
            self.owners += [owners] * more

    def place(self, number: int) -> int | None:
        """Return the index of the container with this id(); None if no answer lent it or it has changed."""
        place = self._answered.place(number)
        return None if place is None else self._before + place


class KnownPayloads(Mapping[int, object]):
    """Payloads by id() of containers that the other side has: its own, and those that were lent to it."""

    def __init__(self, given: Mapping[int, object], lent: Lent) -> None:
        self.given, self._lent = given, lent

    def __getitem__(self, number: int) -> object:
        if number in self.given:
            return self.given[number]
        place = self._lent.place(number)
        if place is None:
            raise KeyError(number)
        return ("lent", place)

    def __iter__(self) -> Iterator[int]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)


def places_of(parts: Sequence[tuple[str, object]]) -> dict[int, str]:
    """Map the id() of each object to the name of the part that contains it."""
    names: dict[int, str] = {}
    for name, part in parts:
        stack = [part]
        while stack:
            item: Any = stack.pop()
            if id(item) in names:
                continue
            names[id(item)] = name
            if type(item) in (list, tuple, set, frozenset):
                stack.extend(item)
            elif type(item) is dict:
                stack.extend((*item, *item.values()))
    return names
