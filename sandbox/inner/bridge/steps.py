"""The candidate's side of what goes on step by step: iterators, generators, awaitables."""

from __future__ import annotations

from types import GeneratorType
from typing import Any

_loop: Any = None
_last: dict[int, object] = {}
"""Item that each iterator gave last, by its id(); iterators that crossed stay alive."""


def resume(iterator: Any, how: str, value: Any) -> tuple[str, object]:
    """Have an iterator go on, or a generator by one of its ways: ("item", value) or ("done", value).

    ("again", value) where that is the same object as the last time: whoever kept that sees its changes.
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
    """What an awaitable gives."""
    import asyncio  # heavy, and few candidates are asynchronous

    async def its_value() -> object:
        return await awaitable

    global _loop  # one for all calls: what one of them made for the loop must fit the next
    if _loop is None:
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop.run_until_complete(its_value())
