"""What a page shows of a run: the latest entries, made once for all who look, or a part from before."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from coder.base.errors import LogNewer, UsageError
from coder.run.events import Event
from coder.run.journal import open_question
from coder.run.questions import Question
from coder.run.state import State
from coder.show.run_transcript import Transcript, TranscriptEntry, landed
from coder.store import EventLog

MOST = 200
"""Entries of a page."""


class RunView:
    """The latest entries of a run, and its state."""

    def __init__(self, log: EventLog, run: str) -> None:
        self.run = run
        self.seq = 0
        """Of the last event that is shown."""
        self.begin = 1
        """Where the entries begin; earlier ones are not kept."""
        self._entries: deque[TranscriptEntry] = deque(maxlen=MOST)
        self._log, self._transcript = log, Transcript(full=True, diff=True)
        self._taking = asyncio.Lock()

    async def catch_up(self) -> None:
        """Take all events that are new. Raises LogDamaged: one can't be read."""
        async with self._taking:
            if events := await self._log.read(self.run, after=self.seq):
                await asyncio.to_thread(self._take, events)  # 10,000 take most of a second

    def _take(self, events: Sequence[Event]) -> None:
        first = events[-1].seq - MOST + 1
        self._entries.extend(_entries(self._transcript, events, first))
        if events[0].seq < first:
            self.begin = first
        self.seq = events[-1].seq
        if len(self._entries) == MOST:
            self.begin = max(self.begin, self._entries[0].seq)

    @property
    def entries(self) -> list[TranscriptEntry]:
        """The latest ones; some may be newer than `seq` says."""
        return list(self._entries)

    @property
    def state(self) -> State:
        """The state after the last event. Raises LogNewer: this version can't read its first one."""
        if self._transcript.state is None:
            raise LogNewer(f"A newer version of coder wrote {self.run}. Look at it with that version.")
        return self._transcript.state

    @property
    def question(self) -> tuple[str, Question] | None:
        """Id and text of what the run waits with."""
        stopped = self.state.progress.stopped
        if stopped is None or stopped.status != "waiting":
            return None
        try:
            return open_question(self.state)
        except UsageError:  # it has its answer, and nobody has gone on with it yet
            return None


async def part_of(log: EventLog, run: str, first: int, last: int) -> list[TranscriptEntry]:
    """The entries of the events from `first` to `last`."""
    events = await log.read(run)

    def part() -> list[TranscriptEntry]:
        transcript = Transcript(full=True, diff=True, before=landed(events))
        return [*_entries(transcript, events[:last], first)]

    return await asyncio.to_thread(part)


def _entries(transcript: Transcript, events: Sequence[Event], first: int) -> Iterator[TranscriptEntry]:
    """What is shown of the events from number `first` on; those before are taken, too."""
    for event in events:
        if event.seq < first:
            transcript.skip(event)
        elif (entry := transcript.entry(event)) is not None:
            yield entry
