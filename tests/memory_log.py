"""The event log in memory."""

import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from coder.base.errors import LeaseHeld
from coder.run.events import Draft, Event, SentMessage
from coder.store import event_codec, run_list
from coder.store.run_list import RunSummary


class MemoryLog:
    """An EventLog that ends with its process. Bodies cross as JSON, as in the SQLite log."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._events: dict[str, list[Event]] = {}
        self._tokens: dict[str, int] = {}
        self._held: set[str] = set()
        self._stops: dict[str, tuple[int, str]] = {}
        self.messages = MemoryMessages()

    def lease(self, run: str) -> AbstractAsyncContextManager[int]:
        """Hold a run while the block lasts, within this process."""
        return self._hold(run)

    async def holder(self, run: str) -> str | None:
        """Words on the process that holds a run: this one."""
        return f"Process {os.getpid()} on this machine works on {run}." if run in self._held else None

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        """Append behind event number `after`, all or none."""
        events = self._events.get(run, [])
        if token != self._tokens.get(run) or after != len(events):
            raise LeaseHeld(f"Someone else has taken over {run}.")
        encoded = event_codec.encode_events(run, drafts, {}, after=after, time=self._clock())
        new = [event for event, _, _ in encoded]
        self._events.setdefault(run, []).extend(new)
        return [_copy(event) for event in new]

    async def read(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events of a run with seq > after, in order, at most `limit`; empty for a run that isn't there."""
        return [_copy(event) for event in self._events.get(run, [])[after:][:limit]]

    async def request_stop(self, run: str, who: str) -> None:
        """Ask the holder of a run to stop it."""
        self._stops[run] = (self._tokens.get(run, 0), who)

    async def stop_requested(self, run: str, *, token: int) -> str | None:
        """Who wants the holder of this lease to stop the run."""
        lease_token, who = self._stops.get(run, (0, ""))
        return self._stops.pop(run)[1] if lease_token == token and who else None

    async def runs(self, *, limit: int | None = None) -> list[RunSummary]:
        """Runs that have events, newest first, at most `limit` of them."""
        ends = [
            (run, self._events[run])
            for run in reversed(self._tokens)
            if self._events.get(run) and not run_list.is_attempt(run)
        ]
        return [RunSummary(run, _copy(events[0]), _copy(events[-1])) for run, events in ends[:limit]]

    async def resolve(self, prefix: str) -> str:
        """The one run whose id starts with this."""
        return run_list.resolve(prefix, between([run for run, events in self._events.items() if events]))

    @asynccontextmanager
    async def _hold(self, run: str) -> AsyncIterator[int]:
        if run in self._held:
            raise LeaseHeld(f"Someone else in this process works on {run}.")
        self._held.add(run)
        self._tokens[run] = self._tokens.get(run, 0) + 1
        try:
            yield self._tokens[run]
        finally:
            self._held.discard(run)


class MemoryMessages:
    """Messages to runs in memory."""

    def __init__(self) -> None:
        self._messages: dict[str, list[SentMessage]] = {}

    async def send(self, run: str, text: str) -> None:
        """Keep a message."""
        self._messages.setdefault(run, []).append(SentMessage(uuid.uuid4().hex, text))

    async def unread(self, run: str) -> list[SentMessage]:
        """Messages that haven't been removed."""
        return [*self._messages.get(run, [])]

    async def remove(self, run: str, ids: Collection[str]) -> None:
        """Remove these messages."""
        self._messages[run] = [message for message in self._messages.get(run, []) if message.id not in ids]

    def rename(self, run: str, ids: Sequence[str]) -> None:
        """Give the messages the ids that they had before a process was killed."""
        renamed = zip(ids, self._messages[run], strict=True)
        self._messages[run] = [SentMessage(id, message.text) for id, message in renamed]


def _copy(event: Event) -> Event:
    return event.model_copy(update={"body": _copied(event.body)})


def _copied(body: dict[str, Any]) -> dict[str, Any]:
    """The body as it comes back from JSON: a tuple is a list, a key is a string, nothing is shared."""
    return cast("dict[str, Any]", json.loads(json.dumps(body, allow_nan=False)))


def between(runs: list[str]) -> Callable[[str, str, int], list[str]]:
    """What gives ids from the first to the last one, the last first, so many at most."""

    def find(first: str, last: str, limit: int) -> list[str]:
        listed = (run for run in runs if run_list.is_attempt(first) or not run_list.is_attempt(run))
        return sorted((run for run in listed if first <= run <= last), reverse=True)[:limit]

    return find
