"""Journal: the only writer of a run. It appends events to the log, folds them and informs the watch."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from coder.base.text.sanitize import join_surrogates
from coder.run.event_types import Body, MessagesTaken
from coder.run.events import Draft, Event, EventStore
from coder.run.records.inputs import hold
from coder.run.records.spend import Spend
from coder.run.reducer import begin, fold
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.watch import Watch


class Journal:
    """A run's log under a lease, with the state after the last event."""

    def __init__(self, run: str, log: EventStore, *, token: int, watch: Watch) -> None:
        """Create a journal that writes under the lease with this token."""
        self.run = run
        self.watch = watch
        self._log = log
        self._token = token
        self._state: State | None = None
        self._appending = asyncio.Lock()
        self.limits: list[asyncio.Timeout] = []
        """Timeouts that expire at a request to stop the run."""
        self.baseline: Callable[[float | None], Awaitable[None]] | None = None
        """Waits for the tests before the work, as a turn does; None: they haven't begun."""
        self.intending = asyncio.Lock()
        """Held from numbering a call until its intent is logged, because calls may be made in parallel."""

    @property
    def state(self) -> State:
        """The state after the last event. Raises RuntimeError if no event was appended or loaded yet."""
        if self._state is None:
            raise RuntimeError("a journal has no state before its first event")
        return self._state

    @property
    def spend(self) -> Spend:
        """Usage of the run's limits."""
        return self.state.spend

    async def load(self, aim: str = "resume") -> State:
        """Fold the run's events and continue after them. Raises LogDamaged and errors of `fold_log_for`."""
        from coder.run.loading import fold_log_for  # imported late: most runs aren't continued

        self._state = fold_log_for(aim, self.run, await self._log.read(self.run))
        return self._state

    def continue_from(self, state: State) -> None:
        """Continue after the events that have led to this state."""
        self._state = state

    def hold(self, files: Mapping[str, StoredFile]) -> None:
        """Add the contents of these files, if the log only has a listing of them."""
        self._state = replace(self.state, inputs=hold(self.state.inputs, files, self.state))

    async def append(self, *bodies: Body, copied: Sequence[Event] = ()) -> State:
        """Append events in order, and return the state after the last one.

        Args:
            copied: events of another run with which this log begins; the watch gets only the last one.
        """
        async with self._appending:
            after = self._state.progress.seq - len(copied) if self._state is not None else 0
            drafts = [Draft(type=event.type, version=event.version, body=event.body) for event in copied]
            drafts += [body.draft() for body in bodies]
            try:
                events = await self._log.append(self.run, drafts, after=after, token=self._token)
            except asyncio.CancelledError:  # the events may be written nevertheless
                self._take(await self._log.read(self.run, after=after), copied)
                raise
            self._take(events, copied)
            return self.state

    def _take(self, events: Sequence[Event], copied: Sequence[Event]) -> None:
        for event in copied[-1:] if events else ():
            self.watch.event(event)
        for event in events[len(copied) :]:
            self._state = begin(event) if self._state is None else fold(self._state, event)
            self.watch.event(event)

    async def stop_requested(self) -> str | None:
        """Return who requested this run to stop, or None."""
        return await self._log.stop_requested(self.run, token=self._token)

    async def take_messages(self, lines: Sequence[str], redact: Callable[[str], str]) -> str:
        """Log and return a person's messages since the last call; return an empty text if there are none.

        Messages from other processes are removed after they are logged. If the process is killed in between,
        they remain, but the state has their ids.

        Args:
            lines: lines typed in this process.
            redact: removes secrets.
        """
        async with self.intending:
            sent = await self._log.messages.unread(self.run)
            new = [message for message in sent if message.id not in self.state.inputs.read_messages]
            text = redact(join_surrogates("\n".join([*lines, *(message.text for message in new)])))
            if text.strip():
                await self.append(MessagesTaken(text=text, ids=tuple(message.id for message in sent)))
            if sent:
                await self._log.messages.remove(self.run, [message.id for message in sent])
            return text
