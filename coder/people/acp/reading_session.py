"""ReadingSession: a chat that another process works on. Its log is shown as it grows; nothing is written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from coder.base.errors import CoderError, LeaseHeld, UsageError
from coder.base.text.sanitize import one_line, printable
from coder.engine.chat.subject import root_of
from coder.engine.chat.transcript import steps_of
from coder.engine.requests import state_of
from coder.people.acp.editor_session import repeat_steps, words_at_end
from coder.people.acp.session_watch import SessionWatch
from coder.run import event_types
from coder.run.events import Event
from coder.run.reducer import fold
from coder.run.run import summarize
from coder.run.state import State
from coder.store import EventLog, open_log

_POLL_S = 0.1
_BATCH_EVENTS = 50
_BEGINNINGS = (event_types.RunStarted.type, event_types.StepStarted.type)


class ReadingSession:
    """A client's read-only view of a run whose lease another process holds."""

    def __init__(
        self, log: EventLog, state: State, watch: SessionWatch, *, root: Path, named_servers: Sequence[Any]
    ) -> None:
        """Show what follows `state`.

        Args:
            named_servers: MCP servers that the client names, for when it takes the run over.
        """
        self.run, self.watch, self.root, self.named_servers = state.run, watch, root, named_servers
        self._log, self._state = log, state
        self._is_held = True

    def cancel(self) -> None:
        """Do nothing: another process does the work."""

    async def refuse(self) -> LeaseHeld:
        """Return the error for a message to this session."""
        holder = await self._log.holder(self.run)
        holder = holder or f"Another process has just worked on {self.run}"
        return LeaseHeld(f"{holder}. Until then, this session only shows the work.")

    async def repeat(self) -> None:
        """Show the finished messages, and the events so far of an unfinished one."""
        if self._state.progress.stopped is not None:
            repeat_steps(self.watch, steps_of(self._state))
            return
        repeat_steps(self.watch, self._state.steps)
        events = await self._log.read(self.run)
        beginnings = [index for index, event in enumerate(events) if event.type in _BEGINNINGS]
        for event in events[beginnings[-1] :]:
            if event.seq <= self._state.progress.seq:
                self._show(event)

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
        while events := await self._log.read(self.run, after=self._state.progress.seq, limit=_BATCH_EVENTS):
            for event in events:
                self._state = fold(self._state, event)
                self._show(event)

    async def _tell_holder(self) -> None:
        is_held = await self._log.holder(self.run) is not None
        if self._is_held and not is_held:
            self.watch.note("The process that worked on this has ended; your next message takes it over.")
        self._is_held = is_held

    def _show(self, event: Event) -> None:
        watch, body = self.watch, event_types.parse(event)
        match body:
            case event_types.RunStarted(task=task) | event_types.StepStarted(task=task):
                watch.repeat(printable(task.prompt))
            case event_types.CallAnswered(text=text):
                watch.token(text)  # its tokens went to the other process
            case event_types.QuestionAsked(text=text):
                watch.note(f"It asks where it is worked on: {one_line(text, width=300)}")
            case event_types.QuestionAnswered():
                who = one_line(body.who, width=60) or "a program"
                watch.note(f"{who} answered: {one_line(body.answer_text, width=300)}")
        watch.event(event)
        if isinstance(body, event_types.RunStopped):
            watch.say(words_at_end(self._state, summarize(self._state), watch.words.text))


@asynccontextmanager
async def open_reading_session(
    watch: SessionWatch, folder: Path, run: str, *, named_servers: Sequence[Any], repeats: bool
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
        session = ReadingSession(log, state, watch, root=folder, named_servers=named_servers)
        if repeats:
            await session.repeat()
        watch.note(f"{await log.holder(run) or 'Another process worked on it'}. This session shows its work.")
        following = asyncio.create_task(session.follow())
        try:
            yield session
        finally:
            following.cancel()
            await asyncio.wait([following])
            await session.read_on()
            await watch.flush()
