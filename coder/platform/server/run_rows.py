"""The newest runs that a caller may see: made of their events in a thread, and kept until these change."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, TypeVar

from coder.engine.requests import ListedRun, list_run
from coder.platform.server.bearer_tokens import Caller
from coder.run.event_types import RunStarted, RunStopped
from coder.run.events import Event
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
        """Return the caller's newest runs; costs of a running one may be 10 s old."""
        return [await self._row(summary) for summary in await apart(self._seen(caller, limit))]

    async def outside(self, caller: Caller, limit: int) -> list[str]:
        """Return the folders of the operator's newest runs outside the root; none for clients."""
        if caller.client is not None:
            return []
        summaries = await apart(self._log.runs(limit=limit))
        return [
            str(one.first.body.get("task", {}).get("workspace"))
            for one in summaries
            if one.first.type == RunStarted.type and not caller.sees(one.first)
        ]

    async def _seen(self, caller: Caller, limit: int) -> list[RunSummary]:
        looked = limit
        while True:
            summaries = await self._log.runs(limit=looked)
            visible = [one for one in summaries if caller.sees(one.first)]
            if len(visible) >= limit or len(summaries) < looked:
                return visible[:limit]
            looked *= 4

    async def _row(self, summary: RunSummary) -> ListedRun:
        async with self._making:
            last, row = self._rows.get(summary.run, (None, None))
            if last is None or row is None or _is_old(last, row, summary.last):
                row, last = await apart(list_run(self._log, summary)), summary.last
            # Not the event itself, which may be long.
            self._rows[summary.run] = last.model_copy(update={"body": {}}), row
            self._rows.move_to_end(summary.run)
            if len(self._rows) > _KEPT:
                self._rows.popitem(last=False)
            return row


def _is_old(former: Event, row: ListedRun, last: Event) -> bool:
    goes_on = row.status == "unfinished" and last.type != RunStopped.type
    is_same = former.seq == last.seq or (goes_on and last.time < former.time + _OLD_S)
    return row.status == "unreadable" or not is_same  # the log may be there again
