"""Generators and coroutines of this side that go on, step by step, in the candidate's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.writeback import hold, is_mutable

if TYPE_CHECKING:
    from collections.abc import Generator

    from sandbox.inner.bridge.proxies import Remote


def generator(link: Remote, proxy: object) -> Generator[Any, Any, Any]:
    """A generator of this side that steps the candidate's."""
    how, value, last = "send", None, None
    while True:
        kind, item = link.request("resume", proxy, how, value)
        if kind == "done":
            return item
        if kind == "again" and is_mutable(item) and type(item) is type(last) and item is not last:
            hold(last, item)
            item = last
        last = item
        try:
            how, value = "send", (yield item)
        except GeneratorExit:
            return None
        except BaseException as error:  # noqa: BLE001 - whatever is thrown into this one goes into that one
            how, value = "throw", error


async def coroutine(link: Remote, proxy: object) -> Any:
    """A coroutine of this side that runs the candidate's to its end."""
    return link.request("await", proxy)
