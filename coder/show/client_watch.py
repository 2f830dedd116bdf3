"""Watch of a run that a client requested, and a task for work that is cancelled only once."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

import anyio

from coder.run.events import Event
from coder.run.watch import Watch

T = TypeVar("T")


class ClientWatch(Watch):
    """Watch of a run that a client requested."""

    run_id: str | None = None
    """Id of the watched run, once it has begun."""
    also: Watch | None = None
    """Another watch that receives each event."""

    def event(self, event: Event) -> None:
        """Receive an event of the run."""
        self.run_id = event.run  # of concurrent runs, any
        if self.also is not None:
            self.also.event(event)

    def note(self, text: str) -> None:
        """Receive a line of text."""

    def telling(self) -> AbstractAsyncContextManager[None]:
        """Return a context manager during which events are passed to the client."""
        return nullcontext()


async def in_own_task(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run work in a task of its own, which is cancelled at most once and awaited; return its result.

    A cancelled scope of anyio cancels each later `await` in it, so cleanup could not wait for anything.
    """
    task = asyncio.create_task(work())
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()  # has no effect once the task has ended
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
    return task.result()
