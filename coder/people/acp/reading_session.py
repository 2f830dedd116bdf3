"""ReadingSession: a chat that another process works on. Its log is shown as it grows; nothing is written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from coder.base.errors import CoderError, LeaseHeld, UsageError
from coder.base.text.sanitize import one_line
from coder.engine.chat.subject import root_of
from coder.engine.requests import state_of
from coder.people.acp.client_servers import ClientAdditions
from coder.people.acp.replay import Replay
from coder.people.acp.session_watch import SessionWatch
from coder.run.state import State
from coder.store import EventLog, open_log

_POLL_S = 0.1


class ReadingSession:
    """A client's read-only view of a run whose lease another process holds."""

    def __init__(
        self,
        log: EventLog,
        run: str,
        watch: SessionWatch,
        *,
        state: State | None,
        root: Path,
        added: ClientAdditions,
    ) -> None:
        """Show what follows `state`, or the whole run if it is None.

        Args:
            added: what the client adds to the session when it takes the run over.
        """
        self.run, self.watch, self.root, self.added = run, watch, root, added
        self._log, self._replay = log, Replay(watch, state)
        self._last = state.progress.seq if state is not None else 0
        self._is_held = True
        self._question: str | None = None

    def cancel(self) -> None:
        """Do nothing: another process does the work."""

    async def refuse(self) -> LeaseHeld:
        """Return the error for a message to this session."""
        holder = await self._log.holder(self.run)
        holder = holder or f"Another process has just worked on {self.run}"
        return LeaseHeld(f"{holder}. Until then, this session only shows the work.")

    async def follow(self) -> None:
        """Show new events until cancelled, and the end of the other process once; a bad log is reported."""
        try:
            while True:
                await self.read_on()
                await self._tell_holder()
                await asyncio.sleep(_POLL_S)
        except CoderError as error:
            self.watch.note(f"This session shows no more: {one_line(str(error), width=300)}")

    async def read_on(self) -> None:
        """Show the events that were appended since the last call."""
        while events := await self._log.read(self.run, after=self._last):
            self._replay.show(events)
            self._last = events[-1].seq
        question = self._replay.state.questions.open
        if question is not None and question.id != self._question:
            self._question = question.id
            self.watch.note(f"It asks where it is worked on: {one_line(question.text, width=300)}")

    async def _tell_holder(self) -> None:
        is_held = await self._log.holder(self.run) is not None
        if self._is_held and not is_held:
            self.watch.note("The process that worked on this has ended; your next message takes it over.")
        self._is_held = is_held


@asynccontextmanager
async def open_reading_session(
    watch: SessionWatch, folder: Path, run: str, *, added: ClientAdditions, repeats: bool
) -> AsyncIterator[ReadingSession]:
    """Follow the log of a run about a folder.

    Args:
        repeats: whether to show what has happened so far.

    Raises:
        UsageError: the run isn't about this folder.
        LogNewer: a newer version works on the run.
    """
    async with AsyncExitStack() as stack:
        log = stack.enter_context(open_log())
        state = await state_of(log, run)
        if state.task.workspace is None or root_of(state.task) != folder:
            raise UsageError(f"{run} is not about {folder}.")
        watch.begin(run)
        pump = asyncio.create_task(watch.pump())
        stack.callback(pump.cancel)
        known = None if repeats else state
        session = ReadingSession(log, run, watch, state=known, root=folder, added=added)
        await session.read_on()
        watch.note(f"{await log.holder(run) or 'Another process worked on it'}. This session shows its work.")
        following = asyncio.create_task(session.follow())
        try:
            yield session
        finally:
            following.cancel()
            await asyncio.wait([following])
            await session.read_on()
            await watch.flush()
