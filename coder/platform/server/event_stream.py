"""The events of a run as they come, for any number of readers (Server-Sent Events, WHATWG HTML 9.2).

Each reader reads the log at its own pace, and holds one batch at most. What wakes readers is the watch of a
run that lives in this process, or one look a run at the log, every tenth of a second.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from coder.base.errors import MachineError
from coder.run.event_types import RunStopped
from coder.run.events import Event
from coder.store import EventLog

_LOOK_S, _HEARTBEAT_S, _FIRST, _BATCH = 0.1, 15.0, 4, 50
_BYTES = 1 << 20
"""Of a batch of several events."""
_LONGEST = 8 << 20
"""Bytes of a document of events, to which one batch may come."""


@dataclass(slots=True)
class _Followed:
    """The end of a run that somebody follows."""

    readers: int = 0
    last_read: int = 0
    """Greatest event number that a reader has read."""
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    look: asyncio.Task[None] | None = None


class EventStreams:
    """The ends of those runs that somebody follows."""

    def __init__(self, log: EventLog) -> None:
        self._log, self._is_closed = log, False
        self._reading = asyncio.Semaphore(2)
        self._followed: dict[str, _Followed] = {}

    def wake(self, run: str) -> None:
        """Tell the readers of a run that it has a new event."""
        if (followed := self._followed.get(run)) is not None:
            followed.moved.set()
            followed.moved = asyncio.Event()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for run in self._followed:
            self.wake(run)

    async def stream(self, run: str, after: int) -> AsyncGenerator[str, None]:
        """Events behind number `after`, with seq as their id, until the run has ended.

        A run that waits for an answer has not. At the end comes an event `end` without an id.
        """
        yield "retry: 1000\n\n"  # ms, after which a browser connects again
        async with aclosing(self.batches(run, after)) as batches:
            async for lines in batches:
                for line in lines:
                    after += 1
                    yield f"id: {after}\ndata: {line}\n\n"
                if not lines:
                    yield ": \n\n"
        if not self._is_closed:
            yield "event: end\ndata: {}\n\n"

    async def some(self, run: str, after: int, limit: int) -> list[str]:
        """Return events after number `after` as JSON: at most `limit`, and about 8 MiB."""
        events: list[str] = []
        most = _FIRST
        while len(events) < limit and sum(map(len, events)) < _LONGEST:
            lines, most = await self._read(run, after + len(events), most)
            if not lines:
                break
            events += lines
        return events[:limit]

    async def is_over(self, run: str, after: int) -> bool:
        """Whether nothing follows number `after`: a run has ended with it, or has no event of this number."""
        events = await self._log.read(run, after=max(after - 1, 0), limit=2)
        return not events or (events[-1].seq == after and _has_ended(events[-1]))

    async def batches(self, run: str, after: int) -> AsyncGenerator[Sequence[str], None]:
        """Events behind number `after` as JSON, as they come; an empty batch where there is none for now.

        It ends with the run, or with the server.
        """
        if (followed := self._followed.get(run)) is None:
            followed = self._followed[run] = _Followed()
            followed.look = asyncio.create_task(self._look(run, followed))
        followed.readers += 1
        most = _FIRST
        try:
            while not self._is_closed:
                moved = followed.moved
                lines, most = await self._read(run, after, most)
                if not lines and await self.is_over(run, after):
                    return
                after += len(lines)
                if lines and after > followed.last_read:  # the look finds it no more: tell the others
                    self.wake(run)
                followed.last_read = max(followed.last_read, after)
                yield lines
                if not lines:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_HEARTBEAT_S):
                            await moved.wait()
        finally:
            followed.readers -= 1

    async def _read(self, run: str, after: int, most: int) -> tuple[list[str], int]:
        """At most so many events, 1 MiB, or one; and how many to read next, since readers may be slow."""
        async with self._reading:
            events = await self._log.read(run, after=after, limit=most)
            lines = await asyncio.to_thread(_lines, events)
        return lines, min(_BATCH, 2 * len(lines) or _FIRST)

    async def _look(self, run: str, followed: _Followed) -> None:
        while followed.readers:
            await asyncio.sleep(_LOOK_S)
            try:
                is_new = bool(await self._log.read(run, after=followed.last_read, limit=1))
            except MachineError:
                is_new = True  # the readers meet the same fault
            if is_new:
                self.wake(run)
        del self._followed[run]


def _has_ended(last: Event) -> bool:
    """Whether a run goes on no more by itself or by an answer, when this is its last event."""
    return last.type == RunStopped.type and last.body.get("status") != "waiting"


def _lines(events: Sequence[Event]) -> list[str]:
    rows: list[str] = []
    length = 0
    for event in events:
        length += len(line := event.as_json())
        if rows and length > _BYTES:
            break
        rows.append(line)
    return rows
