"""The events of a run as they come, for any number of readers (Server-Sent Events, WHATWG HTML 9.2).

Each reader reads the log at its own pace, and holds one batch at most. What wakes readers is the watch of a
run that lives in this process, or one look a run at the log, every tenth of a second.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from coder.errors import MachineError
from coder.run.event_types import RunStopped
from coder.run.events import Event
from coder.store import EventLog

_LOOK_S, _HEARTBEAT_S, _BATCH = 0.1, 15.0, 50
_BYTES = 1 << 20
"""Of a batch of several events."""
_LONGEST = 8 << 20
"""Bytes of a document of events, to which one batch may come."""


def has_ended(last: Event) -> bool:
    """Whether a run goes on no more by itself or by an answer, when this is its last event."""
    return last.type == RunStopped.type and last.body.get("status") != "waiting"


class EventStreams:
    """The ends of those runs that somebody follows."""

    def __init__(self, log: EventLog) -> None:
        self._log, self._is_closed = log, False
        self._readers, self._seen = Counter[str](), Counter[str]()
        """Of each run how many there are, and the greatest number that one has read."""
        self._most: dict[str, int] = {}
        """Events to read at once of a run, by the length of those before."""
        self._reading = asyncio.Semaphore(2)
        self._moved: dict[str, asyncio.Event] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}

    def wake(self, run: str) -> None:
        """Tell the readers of a run that it has a new event."""
        if (moved := self._moved.pop(run, None)) is not None:
            moved.set()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for run in [*self._moved]:
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

    async def read(self, run: str, after: int, limit: int = _BATCH) -> list[str]:
        """Events behind number `after` as JSON: at most 1 MiB of them, or one, since readers may be slow."""
        async with self._reading:
            most = min(limit, self._most.get(run, 4))
            events = await self._log.read(run, after=after, limit=most)
            lines = await asyncio.to_thread(_lines, events)
        self._most[run] = min(_BATCH, 2 * len(lines) or 4)
        return lines

    async def some(self, run: str, after: int, limit: int) -> list[str]:
        """Events behind number `after` as JSON: at most `limit`, and hardly more than 8 MiB."""
        lines: list[str] = []
        while len(lines) < limit and sum(map(len, lines)) < _LONGEST:
            if not (more := await self.read(run, after + len(lines), limit - len(lines))):
                break
            lines += more
        if run not in self._looks:
            self._most.pop(run, None)
        return lines

    async def is_over(self, run: str, after: int) -> bool:
        """Whether a run has ended, and has no event behind number `after`; it may have fewer."""
        if await self._log.read(run, after=after, limit=1):
            return False
        low, high = 0, after
        if after and await self._log.read(run, after=after - 1, limit=1):
            low = after - 1  # the number of the last event, as a rule
        while high - low > 1:
            middle = (low + high) // 2
            is_there = bool(await self._log.read(run, after=middle, limit=1))
            low, high = (middle, high) if is_there else (low, middle)
        last = await self._log.read(run, after=low, limit=1)
        return bool(last) and has_ended(last[0])

    async def batches(self, run: str, after: int) -> AsyncGenerator[Sequence[str], None]:
        """Events behind number `after` as JSON, as they come; an empty batch where there is none for now.

        It ends with the run, or with the server.
        """
        self._readers[run] += 1
        if run not in self._looks:
            self._looks[run] = asyncio.create_task(self._look(run))
        try:
            while not self._is_closed:
                moved = self._moved.setdefault(run, asyncio.Event())
                if lines := await self.read(run, after):
                    after += len(lines)
                    if after > self._seen[run]:  # the look finds it no more: tell the others
                        self._seen[run] = after
                        self.wake(run)
                elif await self.is_over(run, after):
                    return
                yield lines
                if not lines:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_HEARTBEAT_S):
                            await moved.wait()
        finally:
            self._readers[run] -= 1

    async def _look(self, run: str) -> None:
        while self._readers[run]:
            await asyncio.sleep(_LOOK_S)
            try:
                is_new = bool(await self._log.read(run, after=self._seen[run], limit=1))
            except MachineError:
                is_new = True  # the readers meet the same fault
            if is_new:
                self.wake(run)
        del self._readers[run], self._seen[run], self._looks[run]
        self._moved.pop(run, None)
        self._most.pop(run, None)


def _lines(events: Sequence[Event]) -> list[str]:
    found: list[str] = []
    length = 0
    for event in events:
        length += len(line := event.as_json())
        if found and length > _BYTES:
            break
        found.append(line)
    return found
