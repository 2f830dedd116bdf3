"""The checker's containers that the candidate has copies of, with arguments and with answers to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sandbox.inner.bridge.writeback import Writeback


class Lent:
    """Mutable containers of this side that the other one holds copies of, during one request."""

    def __init__(self, arguments: list[Any], owners: list[frozenset[str]]) -> None:
        self.containers, self.owners = arguments, owners
        """Containers, and the arguments, or the uses of the test's objects, as which they may be changed."""
        self._before = len(arguments)
        self._answered = Writeback(())
        """Those that came with answers."""

    def lend(self, value: object, *, own: Collection[int], owners: frozenset[str]) -> None:
        """Lend the containers of an answer."""
        more = self._answered.lend(value, own=own)
        if more:
            self.containers += self._answered.containers[-more:]
            self.owners += [owners] * more

    def place(self, number: int) -> int | None:
        """Place of the container of this id(), if it came with an answer and didn't change since."""
        place = self._answered.place(number)
        return None if place is None else self._before + place


class Known(Mapping[int, object]):
    """Payloads by id() of containers that the other side has: those it gave, and those it was lent."""

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
    """The name of the part that contains each object, by id()."""
    found: dict[int, str] = {}
    for name, part in parts:
        stack = [part]
        while stack:
            item: Any = stack.pop()
            if id(item) in found:
                continue
            found[id(item)] = name
            if type(item) in (list, tuple, set, frozenset):
                stack.extend(item)
            elif type(item) is dict:
                stack.extend((*item, *item.values()))
    return found
