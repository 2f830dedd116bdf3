"""Stream the events of a run to any number of readers (Server-Sent Events, WHATWG HTML 9.2).

Each reader reads the log at its own pace, and holds at most one batch. Readers wake at a new event of a run
in this process, or of the log, which is checked every tenth of a second for each run.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from coder.base.errors import MachineError
from coder.run.event_types import RunStopped
from coder.run.events import Event
from coder.store import EventLog

_POLL_S, _HEARTBEAT_S, _FIRST_BATCH, _MAX_BATCH = 0.1, 15.0, 4, 50
_BATCH_BYTES = 1 << 20
"""Bytes of a batch of several events."""
_DOCUMENT_BYTES = 8 << 20
"""Bytes of a document of events, without its last batch."""


@dataclass(slots=True)
class _Followed:
    """A run with readers, and how far they have read."""

    readers: int = 0
    last_read: int = 0
    """Highest event number that a reader has read."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    poll_task: asyncio.Task[None] | None = None


class EventStreams:
    """The event streams of runs that have readers."""

    def __init__(self, log: EventLog) -> None:
        self._log, self._is_closed = log, False
        self._reading = asyncio.Semaphore(2)
        self._followed: dict[str, _Followed] = {}

    def wake(self, run: str) -> None:
        """Wake the readers of a run, which has a new event."""
        if (followed_run := self._followed.get(run)) is not None:
            followed_run.changed.set()
            followed_run.changed = asyncio.Event()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for run in self._followed:
            self.wake(run)

    async def stream(self, run: str, after: int) -> AsyncGenerator[str, None]:
        """Yield events after number `after`, with their numbers as ids, until the run has ended.

        A run that waits for an answer has not ended. The last event is `end`, without an id.
        """
        yield "retry: 1000\n\n"  # milliseconds until a browser reconnects
        async with aclosing(self.batches(run, after)) as batches:
            async for lines in batches:
                for line in lines:
                    after += 1
                    yield f"id: {after}\ndata: {line}\n\n"
                if not lines:
                    yield ": \n\n"
        if not self._is_closed:
            yield "event: end\ndata: {}\n\n"

    async def read_events(self, run: str, after: int, limit: int) -> list[str]:
        """Return events after number `after` as JSON: at most `limit`, and about 8 MiB."""
        events: list[str] = []
        batch_size = _FIRST_BATCH
        while len(events) < limit and sum(map(len, events)) < _DOCUMENT_BYTES:
            lines, batch_size = await self._read(run, after + len(events), batch_size)
            if not lines:
                break
            events += lines
        return events[:limit]

    async def is_over(self, run: str, after: int) -> bool:
        """Return whether no event follows number `after`: the run has ended, or the number doesn't exist."""
        events = await self._log.read(run, after=max(after - 1, 0), limit=2)
        return not events or (events[-1].seq == after and _has_ended(events[-1]))

    async def batches(self, run: str, after: int) -> AsyncGenerator[Sequence[str], None]:
        """Yield events after number `after` as JSON, as they happen; an empty batch if there are none yet.

        The batches end with the run, or with the server.
        """
        if (followed_run := self._followed.get(run)) is None:
            followed_run = self._followed[run] = _Followed()
            followed_run.poll_task = asyncio.create_task(self._poll(run, followed_run))
        followed_run.readers += 1
        batch_size = _FIRST_BATCH
        try:
            while not self._is_closed:
                changed = followed_run.changed
                lines, batch_size = await self._read(run, after, batch_size)
                if not lines and await self.is_over(run, after):
                    return
                after += len(lines)
                if (
                    lines and after > followed_run.last_read
                ):  # the poll won't find it again, so wake the other readers
                    self.wake(run)
                followed_run.last_read = max(followed_run.last_read, after)
                yield lines
                if not lines:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_HEARTBEAT_S):
                            await changed.wait()
        finally:
            followed_run.readers -= 1

    async def _read(self, run: str, after: int, batch_size: int) -> tuple[list[str], int]:
        """Return a batch of at most `batch_size` events, and the size of the next one, as readers may be
        slow."""
        async with self._reading:
            events = await self._log.read(run, after=after, limit=batch_size)
            lines = await asyncio.to_thread(_lines, events)
        return lines, min(_MAX_BATCH, 2 * len(lines) or _FIRST_BATCH)

    async def _poll(self, run: str, followed_run: _Followed) -> None:
        while followed_run.readers:
            await asyncio.sleep(_POLL_S)
            try:
                is_new = bool(await self._log.read(run, after=followed_run.last_read, limit=1))
            except MachineError:
                is_new = True  # the readers get the error, too
            if is_new:
                self.wake(run)
        del self._followed[run]


def _has_ended(latest: Event) -> bool:
    """Return whether a run with this last event doesn't continue by itself or by an answer."""
    return latest.type == RunStopped.type and latest.body.get("status") != "waiting"


def _lines(events: Sequence[Event]) -> list[str]:
    rows: list[str] = []
    length = 0
    for event in events:
        length += len(line := event.as_json())
        if rows and length > _BATCH_BYTES:
            break
        rows.append(line)
    return rows
