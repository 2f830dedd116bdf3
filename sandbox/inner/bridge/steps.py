"""The candidate's side of what goes on step by step: iterators, generators, awaitables."""

from __future__ import annotations

from types import GeneratorType
from typing import Any

_loop: Any = None


def resume(iterator: Any, how: str, value: Any) -> tuple[str, object]:
    """Have an iterator go on, or a generator by one of its ways: ("item", value) or ("done", value)."""
    try:
        if type(iterator) is GeneratorType:
            return ("item", getattr(iterator, how)(value))
        if how == "throw":
            raise value
        return ("item", next(iterator))
    except StopIteration as stop:
        return ("done", stop.value)


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
