"""Step iterators, generators and awaitables: the candidate's side, and the test's."""

from __future__ import annotations

from collections.abc import Generator
from types import GeneratorType
from typing import Any

from sandbox.inner.bridge.writeback import MUTABLE, hold

_loop: Any = None
_last: dict[int, object] = {}
"""Latest item of each iterator, by id(); iterators that crossed stay alive."""


def resume(iterator: Any, how: str, value: Any) -> tuple[str, object]:
    """Advance an iterator, or a generator by a method: ("item", value), ("done", value) or ("again", value).

    ("again", …) is the same object as last time: a test that kept it sees changes. Raises what is thrown.
    """
    try:
        if type(iterator) is GeneratorType:
            item = getattr(iterator, how)(value)
        elif how == "throw":
            raise value
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
    """A local generator that steps the candidate's."""
    how, value, last = "send", None, None
    while True:
        kind, item = link.request("resume", proxy, how, value)
        if kind == "done":
            return item
        if kind == "again" and type(item) in MUTABLE and type(item) is type(last) and item is not last:
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
    """A local coroutine that runs the candidate's to its end."""
    return link.request("await", proxy)
