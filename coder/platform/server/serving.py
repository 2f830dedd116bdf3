"""State shared by the routes of a server: the log, the caller, and the runs in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fastapi import Request

from coder.base.errors import Busy, CoderError, own_command
from coder.config.layers import Loaded
from coder.platform.served_flows import ServedFlows
from coder.platform.server.bearer_tokens import Caller as Caller
from coder.platform.server.bearer_tokens import Scope
from coder.platform.server.event_stream import EventStreams
from coder.platform.server.problems import Problem, server_ends
from coder.platform.server.run_rows import RunRows
from coder.run.event_types import Spoken, ToolAnswered, ToolCalled
from coder.run.events import Event
from coder.run.run import Run
from coder.run.watch import Watch
from coder.show.client_watch import ClientWatch
from coder.show.failure import report
from coder.show.workers import Workers
from coder.store import EventLog

_MAX_PRINTED = 16_384
"""Characters kept of a running program's output."""
_SAVE_S = 10.0
"""Seconds for the runs of this process to save themselves."""


class Live(ClientWatch):
    """The watch of a run in this process; it wakes the readers of the log."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self.has_begun, self.task = asyncio.Event(), asyncio.Future[Any]()
        self._wake = wake
        self.printed = ""
        """The end of what the running program has printed."""

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Keep the end of a program's output."""
        self.printed = (self.printed + data.decode("utf-8", "replace"))[-_MAX_PRINTED:]

    def event(self, event: Event) -> None:
        """Wake the readers of the run."""
        super().event(event)
        if event.type in (ToolCalled.type, ToolAnswered.type, Spoken.type):
            self.printed = ""  # the log has the output of an ended program
        self.has_begun.set()
        self._wake(event.run)

    async def begin(self) -> None:
        """Wait for the first event. Raises the error that keeps the run from beginning."""
        event_waiter = asyncio.ensure_future(self.has_begun.wait())
        await asyncio.wait({self.task, event_waiter}, return_when=asyncio.FIRST_COMPLETED)
        event_waiter.cancel()
        if not self.has_begun.is_set():
            await self.task


@dataclass(slots=True)
class Serving:
    """One server. A callable in the entry point group `coder.routes` makes an APIRouter of it.

    A request without a token never reaches a route. Each route checks the caller's scope:
    `caller: Annotated[Caller, Depends(needs("run"))]`.
    """

    log: EventLog
    root: Path
    loaded: Loaded
    """The configuration of the user who started the server."""
    workers: Workers
    live: dict[str, Live] = field(default_factory=dict)
    reports: Path | None = None
    """Folder of pages that the studio shows to callers with the scope `read`."""
    traces: Watch | None = None
    """A watch that receives the events of all runs in this process."""
    flows: ServedFlows = field(default_factory=lambda: ServedFlows({}))
    """Flows that clients may begin."""
    suites: Mapping[str, Path] = field(default_factory=dict)
    """Files of the operator's own suites by the name that clients give."""
    streams: EventStreams = field(init=False)
    rows: RunRows = field(init=False)
    is_closing: bool = False

    def __post_init__(self) -> None:
        self.streams, self.rows = EventStreams(self.log), RunRows(self.log)

    def require_free(self) -> None:
        """Raise Busy if no worker is free, Problem if the server ends."""
        if self.is_closing:
            raise server_ends()
        if self.workers.are_busy():
            raise Busy("All workers of this server are busy.")

    def start(self, run: str, work: Callable[[Live], Awaitable[Run]]) -> Live:
        """Work on a run in this process, unless it is worked on already."""
        if (live_run := self.live.get(run)) is None:
            live_run = self.live[run] = Live(self.streams.wake)
            live_run.task = asyncio.ensure_future(work(live_run))
            live_run.task.add_done_callback(lambda task: self._ended(run, live_run, task))
        return live_run

    async def wait_until_ended(self, run: str) -> None:
        """Wait until this process no longer works on a stopped run, so that the run can be started again."""
        if (live_run := self.live.get(run)) is not None:
            await asyncio.wait([live_run.task])

    def _ended(self, run: str, live_run: Live, task: asyncio.Future[Run]) -> None:
        del self.live[run]
        error = None if task.cancelled() else task.exception()
        if error is not None and (live_run.has_begun.is_set() or not isinstance(error, CoderError)):
            report(error)

    async def close(self) -> None:
        """End all streams, and interrupt the runs of this process, which are saved."""
        self.is_closing = True
        self.streams.close()
        for live_run in (runs := [*self.live.values()]):
            live_run.task.cancel()
        if runs:
            await asyncio.wait([live_run.task for live_run in runs], timeout=_SAVE_S)


def require_scope(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return a FastAPI dependency that returns the caller. Raises Problem: the caller lacks the scope."""

    async def caller_of(request: Request) -> Caller:
        caller: Caller = request.scope["coder.caller"]
        if scope not in caller.scopes:
            hint = f"Ask the operator for another: {own_command()} serve --new-token."
            raise Problem(403, "The token may not do this.", f"It lacks the scope {scope}.", hint)
        return caller

    return caller_of
