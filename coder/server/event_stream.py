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


def has_ended(last: Event) -> bool:
    """Whether a run goes on no more by itself or by an answer, when this is its last event."""
    return last.type == RunStopped.type and last.body.get("status") != "waiting"


class Tails:
    """The ends of those runs that somebody follows."""

    def __init__(self, log: EventLog) -> None:
        self._log, self._is_closed = log, False
        self._readers, self._seen = Counter[str](), Counter[str]()
        """Of each run how many there are, and the greatest number that one has read."""
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
        self._readers[run] += 1
        if run not in self._looks:
            self._looks[run] = asyncio.create_task(self._look(run))
        try:
            while not self._is_closed:
                moved = self._moved.setdefault(run, asyncio.Event())
                if events := await self._log.read(run, after=after, limit=_BATCH):
                    after = events[-1].seq
                    if after > self._seen[run]:  # the look finds it no more: tell the others
                        self._seen[run] = after
                        self.wake(run)
                yield events
                if not events:
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
