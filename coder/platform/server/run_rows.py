"""The newest runs that a caller may see: folded in a thread, and cached until their events change."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, TypeVar

from coder.base.text.sanitize import one_line
from coder.engine.requests import ListedRun, list_run
from coder.platform.server.bearer_tokens import Caller
from coder.run.event_types import RunStarted, RunStopped
from coder.run.events import Event
from coder.show.run_search import search_runs
from coder.store import EventLog, RunSummary

T = TypeVar("T")
_MAX_ROWS, _MAX_AGE_S = 2000, 10.0
"""Number of cached rows, and seconds until the row of a running run is made again."""


async def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of reading the log in a thread, as SQLite's reads and folds would block the event
    loop.
    """
    return await asyncio.to_thread(asyncio.run, work)


class RunRows:
    """Rows of runs for all callers, made one at a time."""

    def __init__(self, log: EventLog) -> None:
        self._log, self._lock, self._searching = log, asyncio.Lock(), asyncio.Lock()
        self._rows: OrderedDict[str, tuple[Event, ListedRun]] = OrderedDict()

    async def newest(self, caller: Caller, limit: int) -> list[ListedRun]:
        """Return the caller's newest runs; the cost of a running one may be 10 s old."""
        return [
            await self._row(summary) for summary in await in_thread(self._visible_summaries(caller, limit))
        ]

    async def matching(self, caller: Caller, words: str, limit: int) -> list[ListedRun]:
        """Return the caller's runs that contain all words, the best first, with the words around a match."""
        async with self._searching:  # one search at a time brings the index up to date
            matches = await in_thread(search_runs(self._log, words))
        visible = [(summary, text) for summary, text in matches if caller.sees(summary.first)][:limit]
        return [
            (await self._row(summary)).model_copy(update={"match": one_line(text, width=120)})
            for summary, text in visible
        ]

    async def outside(self, caller: Caller, limit: int) -> list[str]:
        """Return the folders of the operator's newest runs outside the root; empty for clients."""
        if caller.client is not None:
            return []
        summaries = await in_thread(self._log.runs(limit=limit))
        return [
            str(summary.first.body.get("task", {}).get("workspace"))
            for summary in summaries
            if summary.first.type == RunStarted.type and not caller.sees(summary.first)
        ]

    async def _visible_summaries(self, caller: Caller, limit: int) -> list[RunSummary]:
        fetch_limit = limit
        while True:
            summaries = await self._log.runs(limit=fetch_limit)
            visible = [summary for summary in summaries if caller.sees(summary.first)]
            if len(visible) >= limit or len(summaries) < fetch_limit:
                return visible[:limit]
            fetch_limit *= 4

    async def _row(self, summary: RunSummary) -> ListedRun:
        async with self._lock:
            last_event, row = self._rows.get(summary.run, (None, None))
            if last_event is None or row is None or _is_old(last_event, row, summary.last):
                row, last_event = await in_thread(list_run(self._log, summary)), summary.last
            # Cached without its body, which may be long.
            self._rows[summary.run] = last_event.model_copy(update={"body": {}}), row
            self._rows.move_to_end(summary.run)
            if len(self._rows) > _MAX_ROWS:
                self._rows.popitem(last=False)
            return row


def _is_old(cached: Event, row: ListedRun, latest: Event) -> bool:
    is_running = row.status == "unfinished" and latest.type != RunStopped.type
    is_current = cached.seq == latest.seq or (is_running and latest.time < cached.time + _MAX_AGE_S)
    return row.status == "unreadable" or not is_current  # the log may be readable again
