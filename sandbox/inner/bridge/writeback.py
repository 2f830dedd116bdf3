"""Report a callee's changes to its arguments, which cross as copies; step iterators and awaitables.

Both sides number the mutable containers of the arguments in the same order. A change replaces a container's
contents; a container that was moved or returned keeps its identity.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Generator
from operator import is_not
from typing import Any

from sandbox.inner.bridge.standard import from_parts, to_parts

_ROWS = (list, deque)
_TABLES = (dict, OrderedDict, Counter, defaultdict)
_ORDERED = frozenset({*_ROWS, tuple})
_NUMBERS = (bytearray, array)
MUTABLE = frozenset({*_ROWS, *_TABLES, set, *_NUMBERS})
"""Types of containers that can be lent."""
MAX_LENT = 10_000
"""Containers that a test's objects may lend in one call."""
_loop: Any = None
_last: dict[int, object] = {}
"""Latest item of each iterator, by id(); iterators that crossed stay alive."""


def mutable_containers(value: object) -> list[Any]:
    """Return the mutable containers in `value`, in encoding order; `value` has no cycles."""
    containers: list[Any] = []
    stack = [value]
    while stack:
        item: Any = stack.pop()
        kind = type(item)
        if kind in MUTABLE or (kind is memoryview and not item.readonly):
            containers.append(item)
        if kind in _ORDERED:
            stack.extend(reversed(item))
        elif kind in _TABLES:
            stack.extend(reversed(list(item.values())))
        elif kind is slice:
            stack.extend((item.step, item.stop, item.start))
    return containers


class Writeback:
    """Containers lent to the other side, and their previous contents."""

    def __init__(self, arguments: object) -> None:
        self.containers = mutable_containers(arguments)
        self._before = [*map(_copied, self.containers)]
        self._places = {id(item): i for i, item in enumerate(self.containers)}
        self._room = MAX_LENT

    def lend(self, value: object, *, own: Collection[int] = ()) -> int:
        """Lend further containers, except those with an id() in `own`; return their number."""
        container_by_id = {id(item): item for item in mutable_containers(value)}
        added = [
            item
            for identity, item in container_by_id.items()
            if identity not in own and identity not in self._places
        ]
        added = added[: self._room]
        self._room -= len(added)
        self._places.update((id(item), len(self.containers) + i) for i, item in enumerate(added))
        self.containers += added
        self._before += map(_copied, added)
        return len(added)

    def place(self, number: int) -> int | None:
        """Return the index of the container with this id() if it is unchanged since lent, else None."""
        place = self._places.get(number)
        if place is None or _differs(self.containers[place], self._before[place]):
            return None
        return place

    def known(self, word: str = "lent") -> dict[int, object]:
        """Return the payloads that stand for the lent containers, by id()."""
        return {one: (word, place) for one, place in self._places.items()}

    def changes(self) -> tuple[tuple[int, object], ...]:
        """Return number and copy of each container whose contents changed."""
        pairs = zip(self.containers, self._before)  # noqa: B905 - as long by construction; no strict before 3.10
        return tuple((i, _copied(now)) for i, (now, before) in enumerate(pairs) if _differs(now, before))


def _copied(container: Any) -> Any:
    if type(container) is memoryview:
        return from_parts(to_parts(container) or ())
    return container[:] if type(container) is array else container.copy()


def _differs(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return True
    if type(now) in (*_NUMBERS, memoryview):
        return bytes(now) != bytes(before)
    if type(now) is defaultdict and now.default_factory is not before.default_factory:
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
        if type(now) is array and now.typecode != containers[number].typecode:
            raise ValueError("a change to an array of another type")
        if type(now) is memoryview and (now.format, now.shape) != (
            containers[number].format,
            containers[number].shape,
        ):
            raise ValueError("a change to a memoryview of another form")
    for number, now in changes:
        hold(containers[number], now)


def hold(container: Any, now: Any) -> None:
    """Replace a container's contents by those of another of its type."""
    if type(container) in (list, *_NUMBERS, memoryview):
        container[:] = now
    else:
        container.clear()
        (container.extend if type(container) is deque else container.update)(now)
    if type(container) is defaultdict:
        container.default_factory = now.default_factory


def resume(iterator: Any, how: str, value: Any) -> tuple[str, object]:
    """Advance an iterator, or a generator by a method: ("item", value), ("done", value) or ("again", value).

    ("again", …) is the same object as last time: a test that kept it sees changes. Raises what is thrown.
    """
    try:
        if how == "throw":
            if not hasattr(iterator, "throw"):
                raise value
            item = iterator.throw(value)
        elif hasattr(iterator, "send") and (value is not None or not hasattr(iterator, "__next__")):
            item = iterator.send(value)
        else:
            item = next(iterator)
    except StopIteration as stop:
        return ("done", stop.value)
    last = _last.get(id(iterator))
    _last[id(iterator)] = item
    return ("again" if item is last else "item", item)


def awaited(awaitable: Any) -> object:
    """Run an awaitable and return its value."""
    import asyncio  # slow to import, and few candidates are asynchronous

    async def awaited_value() -> object:
        return await awaitable

    global _loop  # one for all calls: what one call bound to the loop must fit the next
    if _loop is None:
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop.run_until_complete(awaited_value())


def generator(link: Any, proxy: object) -> Generator[Any, Any, Any]:
    """Step the candidate's generator, and yield its items."""
    how, value, last = "send", None, None
    while True:
        kind, item = link.request("resume", proxy, how, value)
        if kind == "done":
            return item
        fits = type(item) in MUTABLE and type(item) is type(last) and item is not last
        # The last item is the test's own list, if it was sent, or one that the test has kept.
        if kind == "again" and fits and link.guard.shows_again():
            hold(last, item)
            item = last
        last = item
        try:
            how, value = "send", (yield item)
        except GeneratorExit:
            return None
        except BaseException as error:  # noqa: BLE001 - an exception thrown into this one is forwarded
            how, value = "throw", error


async def coroutine(link: Any, proxy: object) -> Any:
    """Run the candidate's coroutine or awaitable to its end; return its value."""
    return link.request("await", proxy)
