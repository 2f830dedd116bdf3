"""Journal: the only writer of a run. It appends events to the log, folds them and informs the watch."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from coder.base.errors import LogNewer, UsageError, own_command
from coder.run.event_types import Body, MessagesTaken, is_newer
from coder.run.events import Draft, Event, EventStore
from coder.run.records.inputs import hold
from coder.run.records.spend import Spend
from coder.run.reducer import begin, fold, fold_all
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.watch import Watch


class Journal:
    """A run's log under a lease, with the state after the last event."""

    def __init__(self, run: str, log: EventStore, *, token: int, watch: Watch) -> None:
        """Write under the lease with this token."""
        self.run = run
        self.watch = watch
        self._log = log
        self._token = token
        self._state: State | None = None
        self._appending = asyncio.Lock()
        self.limits: list[asyncio.Timeout] = []
        """Timeouts that a request to stop the run lets expire."""
        self.intending = asyncio.Lock()
        """Held from numbering a call until its intent is logged, because calls may be made in parallel."""

    @property
    def state(self) -> State:
        """The state after the last event. Raises RuntimeError: no event was appended or loaded yet."""
        if self._state is None:
            raise RuntimeError("a journal has no state before its first event")
        return self._state

    @property
    def spend(self) -> Spend:
        """Usage of the run's limits."""
        return self.state.spend

    async def load(self, aim: str = "resume") -> State:
        """Fold the run's events from the log, and continue after them.

        Args:
            aim: verb for the message of an error.

        Raises:
            LogDamaged: an event can't be read.
            LogNewer: a newer version wrote an event that this version can't interpret.
            UsageError: the run has no events, or doesn't begin with run.started.
        """
        try:
            return self.begun(await self._log.read(self.run))
        except ValueError as error:
            raise UsageError(
                f"Can't {aim} {self.run}: {error}. See the runs with: {own_command()} ls"
            ) from error

    def begun(self, events: Sequence[Event]) -> State:
        """Fold these events and continue after them. Raises LogNewer, ValueError: see `load`."""
        if not events:
            raise ValueError(f"the log holds no run {self.run}")
        if newer := next((event for event in events if is_newer(event)), None):
            raise LogNewer(
                f"A newer version of coder wrote {self.run} (its {newer.type} has version {newer.version}). "
                "It can be shown here; to continue it, use that version."
            )
        self._state = fold_all(events)
        return self._state

    def hold(self, files: Mapping[str, StoredFile]) -> None:
        """Add the contents of these files, if the log only has a listing of them."""
        self._state = replace(self.state, inputs=hold(self.state.inputs, files, self.state))

    async def append(self, *bodies: Body, copied: Sequence[Event] = ()) -> State:
        """Append durably, in order, and return the state after the last event.

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
        """Log what a person has said since the last call, and return it; empty if nobody has said anything.

        Messages that other processes sent are removed once the log has them: a process that is killed
        between the two leaves them, and finds their ids in the state.

        Args:
            lines: what was typed in this process.
            redact: removes secrets.
        """
        async with self.intending:
            sent = await self._log.messages.unread(self.run)
            new = [message for message in sent if message.id not in self.state.inputs.taken]
            text = redact("\n".join([*lines, *(message.text for message in new)]))
            if text:
                await self.append(MessagesTaken(text=text, ids=tuple(message.id for message in sent)))
            if sent:
                await self._log.messages.remove(self.run, [message.id for message in sent])
            return text
