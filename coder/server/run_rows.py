"""The newest runs that a caller may see: made of their events in a thread, and kept until these change."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, TypeVar

from coder.requests import ListedRun, list_run
from coder.run.event_types import RunStarted, RunStopped
from coder.run.events import Event
from coder.server.bearer_tokens import Caller
from coder.store import EventLog, RunSummary

T = TypeVar("T")
_KEPT, _OLD_S = 2000, 10.0
"""Rows, and seconds between two looks at all events of a run that goes on."""


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """The result of reading the log in a thread: SQLite's reads, and folds, would hold the event loop."""
    return await asyncio.to_thread(asyncio.run, work)


class RunRows:
    """Rows of runs, for all callers; one is made at a time."""

    def __init__(self, log: EventLog) -> None:
        self._log, self._making = log, asyncio.Lock()
        self._rows: OrderedDict[str, tuple[Event, ListedRun]] = OrderedDict()

    async def newest(self, caller: Caller, limit: int) -> list[ListedRun]:
        """The caller's newest runs; costs of one that goes on may be 10 s old."""
        return [await self._row(found) for found in await apart(self._seen(caller, limit))]

    async def outside(self, caller: Caller, limit: int) -> list[str]:
        """The folder of each of the newest runs that the operator has outside of the root; clients: none."""
        if caller.client is not None:
            return []
        found = await apart(self._log.runs(limit=limit))
        return [
            str(one.first.body.get("task", {}).get("workspace"))
            for one in found
            if one.first.type == RunStarted.type and not caller.sees(one.first)
        ]

    async def _seen(self, caller: Caller, limit: int) -> list[RunSummary]:
        looked = limit
        while True:
            found = await self._log.runs(limit=looked)
            seen = [one for one in found if caller.sees(one.first)]
            if len(seen) >= limit or len(found) < looked:
                return seen[:limit]
            looked *= 4

    async def _row(self, found: RunSummary) -> ListedRun:
        async with self._making:
            last, row = self._rows.get(found.run, (None, None))
            if last is None or row is None or _is_old(last, row, found.last):
                row, last = await apart(list_run(self._log, found)), found.last
            # Not the event itself, which may be long.
            self._rows[found.run] = last.model_copy(update={"body": {}}), row
            self._rows.move_to_end(found.run)
            if len(self._rows) > _KEPT:
                self._rows.popitem(last=False)
            return row


def _is_old(made: Event, row: ListedRun, last: Event) -> bool:
    goes_on = row.status == "unfinished" and last.type != RunStopped.type
    is_same = made.seq == last.seq or (goes_on and last.time < made.time + _OLD_S)
    return row.status == "unreadable" or not is_same  # the log may be there again
