"""The entries of a run on a page: the latest ones, shared by all readers, or an earlier part."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from coder.base.errors import LogNewer, UsageError
from coder.run.events import Event
from coder.run.open_question import open_question
from coder.run.questions import Question
from coder.run.state import State
from coder.run.verdict_words import join_names
from coder.show.run_transcript import Transcript, TranscriptEntry, replaced_files
from coder.store import EventLog

MAX_ENTRIES = 200
"""Number of entries on a page."""


class RunView:
    """The latest entries of a run, and its state."""

    def __init__(self, log: EventLog, run: str) -> None:
        self.run = run
        self.seq = 0
        """Number of the last event shown."""
        self.begin = 1
        """Number of the first event shown; earlier entries are not cached."""
        self._entries: deque[TranscriptEntry] = deque(maxlen=MAX_ENTRIES)
        self._log, self._transcript = log, Transcript(full=True, diff=True)
        self._lock = asyncio.Lock()

    async def catch_up(self) -> None:
        """Add all new events. Raises LogDamaged: an event can't be read."""
        async with self._lock:
            if events := await self._log.read(self.run, after=self.seq):
                await asyncio.to_thread(self._add, events)  # 10,000 events take most of a second

    def _add(self, events: Sequence[Event]) -> None:
        first_seq = events[-1].seq - MAX_ENTRIES + 1
        self._entries.extend(_entries(self._transcript, events, first_seq))
        if events[0].seq < first_seq:
            self.begin = first_seq
        self.seq = events[-1].seq
        if len(self._entries) == MAX_ENTRIES:
            self.begin = max(self.begin, self._entries[0].seq)

    @property
    def entries(self) -> list[TranscriptEntry]:
        """The latest entries; some may be newer than `seq`."""
        return list(self._entries)

    @property
    def state(self) -> State:
        """The state after the last event. Raises LogNewer: this version can't read its first event."""
        if self._transcript.state is None:
            raise LogNewer(f"A newer version of coder wrote {self.run}. Look at it with that version.")
        return self._transcript.state

    @property
    def question(self) -> tuple[str, Question] | None:
        """Id and question that the run waits with; None if it doesn't wait."""
        stopped = self.state.progress.stopped
        if stopped is None or stopped.status != "waiting":
            return None
        try:
            return open_question(self.state)
        except UsageError:  # the question is answered, and the run not continued yet
            return None


async def part_of(log: EventLog, run: str, first_seq: int, last_seq: int) -> list[TranscriptEntry]:
    """Return the entries of the events from `first_seq` to `last_seq`."""
    events = await log.read(run)

    def part() -> list[TranscriptEntry]:
        transcript = Transcript(full=True, diff=True, before=replaced_files(events))
        return [*_entries(transcript, events[:last_seq], first_seq)]

    return await asyncio.to_thread(part)


def _entries(transcript: Transcript, events: Sequence[Event], first_seq: int) -> Iterator[TranscriptEntry]:
    """Yield the entries of events from number `first_seq` on; earlier events are only folded."""
    for event in events:
        if event.seq < first_seq:
            transcript.skip(event)
        elif (entry := transcript.entry(event)) is not None:
            yield entry


def landing_words(state: State) -> str:
    """Return the state of a run's latest change (written, undone, kept as a patch, …); empty if none."""
    words = (_landing_words(step) for step in (state, *reversed(state.steps)))
    return next(filter(None, words), "")


def _landing_words(state: State) -> str:
    landing = state.landing
    if landing.standing:
        return f"written: {join_names(landing.standing)}"
    if landing.taken_back or landing.undone:
        return "undone"
    if landing.refused is not None or landing.declined:
        return "not written"
    if landing.planned is not None:
        return "is being written"
    return "kept as a patch" if landing.proposed is not None else ""
