"""What a sandbox does beside its callers: containers made in advance and removed afterwards."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Chores:
    """Tasks that nobody waits for until the end. Each sees to its own errors."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do it beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self) -> None:
        """Wait until all is done, what comes meanwhile too."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def to_the_end(work: Awaitable[T]) -> T:
    """Do what must not stay half done. Whoever is cancelled meanwhile, how often ever, is so afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # it has been looked at: what counts is that the caller was cancelled
        raise cancelled
    return task.result()
