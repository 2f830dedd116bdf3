"""What the routes of a server share: the log, who calls, and the runs that work in this process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request

from coder.base.errors import Busy, CoderError, own_command
from coder.config.layers import Loaded
from coder.platform.server.bearer_tokens import Caller as Caller
from coder.platform.server.bearer_tokens import Scope
from coder.platform.server.event_stream import EventStreams
from coder.platform.server.problems import Problem, ending
from coder.platform.server.run_rows import RunRows
from coder.run.events import Event
from coder.run.run import Run
from coder.run.watch import Watch
from coder.show.client_runs import ClientWatch
from coder.show.failure import report
from coder.store import EventLog

_END_S = 10.0
"""For the runs that work here, to save themselves."""


class Live(ClientWatch):
    """The watch of a run that works here; readers of the log see the rest."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self.begun, self.task = asyncio.Event(), asyncio.Future[Any]()
        self._wake = wake

    def event(self, event: Event) -> None:
        """Wake those who follow the run."""
        super().event(event)
        self.begun.set()
        self._wake(event.run)

    async def begin(self) -> None:
        """Wait for the next event. Raises what keeps the run from beginning."""
        begun = asyncio.ensure_future(self.begun.wait())
        await asyncio.wait({self.task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not self.begun.is_set():
            await self.task


@dataclass(slots=True)
class Serving:
    """One server. A callable in the entry point group `coder.routes` makes an APIRouter of it.

    A request without a token never gets to a route; what it may do there each route asks for itself:
    `caller: Annotated[Caller, Depends(needs("run"))]`.
    """

    log: EventLog
    root: Path
    loaded: Loaded
    """The configuration of the user who has started the server."""
    workers: asyncio.Semaphore
    """Has as many places as there are workers."""
    live: dict[str, Live] = field(default_factory=dict)
    reports: Path | None = None
    """A folder of pages that the studio shows to whoever may read."""
    traces: Watch | None = None
    """Sees the events of all runs that work here."""
    streams: EventStreams = field(init=False)
    rows: RunRows = field(init=False)
    is_closing: bool = False

    def __post_init__(self) -> None:
        self.streams, self.rows = EventStreams(self.log), RunRows(self.log)

    def require_free(self) -> None:
        """Raise Busy where no worker is free, Problem where the server ends."""
        if self.is_closing:
            raise ending()
        if self.workers.locked():
            raise Busy("All workers of this server are busy.")

    def start(self, run: str, work: Callable[[Live], Awaitable[Run]]) -> Live:
        """Work on a run here, unless that is done already."""
        if (live := self.live.get(run)) is None:
            live = self.live[run] = Live(self.streams.wake)
            live.task = asyncio.ensure_future(work(live))
            live.task.add_done_callback(lambda task: self._ended(run, live, task))
        return live

    async def ended(self, run: str) -> None:
        """Wait until a run that has stopped is no more worked on here, so that it can be started again."""
        if (live := self.live.get(run)) is not None:
            await asyncio.wait([live.task])

    def _ended(self, run: str, live: Live, task: asyncio.Future[Run]) -> None:
        del self.live[run]
        error = None if task.cancelled() else task.exception()
        if error is not None and (live.begun.is_set() or not isinstance(error, CoderError)):
            report(error)

    async def close(self) -> None:
        """End all streams, and interrupt the runs that work here: they are saved."""
        self.is_closing = True
        self.streams.close()
        for live in (runs := [*self.live.values()]):
            live.task.cancel()
        if runs:
            await asyncio.wait([live.task for live in runs], timeout=_END_S)


def needs(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return a FastAPI dependency that gives the caller. Raises Problem if its token lacks the scope."""

    async def caller_of(request: Request) -> Caller:
        caller: Caller = request.scope["coder.caller"]
        if scope not in caller.scopes:
            further = f"Ask the operator for another: {own_command()} serve --new-token."
            raise Problem(403, "The token may not do this.", f"It lacks the scope {scope}.", further)
        return caller

    return caller_of
