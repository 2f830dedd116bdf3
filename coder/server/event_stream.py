"""The events of a run as they come, for any number of readers (Server-Sent Events, WHATWG HTML 9.2).

Each reader reads the log at its own pace, and holds one batch at most. What wakes readers is the watch of a
run that lives in this process, or one look a run at the log, every tenth of a second.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

from coder.errors import MachineError
from coder.run.event_types import RunStopped
from coder.run.events import Event
from coder.store import EventLog

_LOOK_S, _HEARTBEAT_S, _BATCH = 0.1, 15.0, 50
_RETRY_MS = 1000
"""After which a browser connects again."""


def has_ended(last: Event) -> bool:
    """Whether a run goes on no more by itself or by an answer, when this is its last event."""
    return last.type == RunStopped.type and last.body.get("status") != "waiting"


@dataclass(slots=True)
class _Tail:
    last: int = 0
    """The greatest seq that a reader has seen."""
    readers: int = 0
    looking: asyncio.Task[None] | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the next event, when another one takes its place."""

    def wake(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()


class Tails:
    """The ends of those runs that somebody follows."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._tails: dict[str, _Tail] = {}
        self._is_closed = False

    def wake(self, run: str) -> None:
        """Tell the readers of a run that it has a new event."""
        if (tail := self._tails.get(run)) is not None:
            tail.wake()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for tail in self._tails.values():
            tail.wake()

    async def stream(self, run: str, after: int) -> AsyncGenerator[str, None]:
        """Events behind number `after`, with seq as their id, until the run has ended.

        A run that waits for an answer has not. At the end comes an event `end` without an id.
        """
        yield f"retry: {_RETRY_MS}\n\n"
        last: Event | None = None
        async with aclosing(self.batches(run, after)) as batches:
            async for events in batches:
                for last in events:
                    yield f"id: {last.seq}\ndata: {last.as_json()}\n\n"
                if not events and last is not None and has_ended(last):
                    yield "event: end\ndata: {}\n\n"
                    return
                if not events:
                    yield ": \n\n"

    async def batches(self, run: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        """Events behind number `after` as they come; an empty batch where there is none for now."""
        async with self._followed(run) as tail:
            while not self._is_closed:
                moved = tail.moved
                events = await self._log.read(run, after=after, limit=_BATCH)
                after = events[-1].seq if events else after
                tail.last = max(tail.last, after)
                yield events
                if not events:
                    await _set_within(moved, _HEARTBEAT_S)

    @asynccontextmanager
    async def _followed(self, run: str) -> AsyncIterator[_Tail]:
        tail = self._tails.setdefault(run, _Tail())
        tail.readers += 1
        if tail.readers == 1:
            tail.looking = asyncio.create_task(self._look(run, tail))
        try:
            yield tail
        finally:
            tail.readers -= 1
            if not tail.readers:
                del self._tails[run]

    async def _look(self, run: str, tail: _Tail) -> None:
        while tail.readers:
            await asyncio.sleep(_LOOK_S)
            try:
                is_new = bool(await self._log.read(run, after=tail.last, limit=1))
            except MachineError:
                is_new = True  # the readers meet the same fault
            if is_new:
                tail.wake()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
