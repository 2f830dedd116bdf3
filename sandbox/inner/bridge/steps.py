"""Iterators, generators and awaitables that run step by step: the candidate's side, and the test's."""

from __future__ import annotations

from collections.abc import Generator
from types import GeneratorType
from typing import Any

from sandbox.inner.bridge.writeback import MUTABLE, hold

_loop: Any = None
_last: dict[int, object] = {}
"""Latest item of each iterator, by its id(); iterators that crossed stay alive."""


def resume(iterator: Any, how: str, value: Any) -> tuple[str, object]:
    """Advance an iterator, or a generator by one of its methods: ("item", value) or ("done", value).

    ("again", value) where that is the same object as the last time: a test that kept it sees its changes.
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
    """The value of an awaitable."""
    import asyncio  # heavy, and few candidates are asynchronous

    async def its_value() -> object:
        return await awaitable

    global _loop  # one for all calls: what one of them made for the loop must fit the next
    if _loop is None:
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop.run_until_complete(its_value())


def generator(link: Any, proxy: object) -> Generator[Any, Any, Any]:
    """A generator of this side that steps the candidate's."""
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
        except BaseException as error:  # noqa: BLE001 - whatever is thrown into this one goes into that one
            how, value = "throw", error


async def coroutine(link: Any, proxy: object) -> Any:
    """A coroutine of this side that runs the candidate's to its end."""
    return link.request("await", proxy)
