"""Runs that share the limits of one run: its attempts, or its subagents."""

from collections.abc import Callable, Sequence

from coder.run.event_types import AttemptEnded, MessagesTaken
from coder.run.events import EventStore
from coder.run.journal import Journal
from coder.run.records.spend import Spend
from coder.run.watch import Watch


class Attempts:
    """The running attempts of one run, which share its limits."""

    def __init__(self, parent: Journal) -> None:
        self.parent = parent
        self.running: dict[int, ChildJournal] = {}
        """Journals of running attempts, by number."""
        if isinstance(parent, ChildJournal):
            parent.children = self

    def others(self, journal: Journal) -> list[Spend | AttemptEnded]:
        """Return the usage of the other attempts."""
        used: dict[int, Spend | AttemptEnded] = {}
        for attempt in self.parent.state.progress.attempts:
            if isinstance(attempt, AttemptEnded):
                used[attempt.attempt] = attempt
        for number, running in self.running.items():
            used[number] = running.used
        own_number = next((number for number, attempt in self.running.items() if attempt is journal), 0)
        return [spend for number, spend in used.items() if number != own_number]


class Delegations(Attempts):
    """The running subagents of one run, which share its limits with the run itself."""

    def others(self, journal: Journal) -> list[Spend | AttemptEnded]:
        """Return the usage of the run, which includes ended subagents, and of the other running subagents."""
        siblings = [running.used for running in self.running.values() if running is not journal]
        return [self.parent.spend, *siblings]


class ChildJournal(Journal):
    """Journal of an attempt or a subagent, which shares the limits of its parent run."""

    def __init__(self, run: str, log: EventStore, *, token: int, watch: Watch, shared: Attempts) -> None:
        """Create a journal that writes under this lease; `shared` are the runs with the same limits."""
        super().__init__(run, log, token=token, watch=watch)
        self.parent, self.intending = shared.parent, shared.parent.intending
        self._shared = shared
        self.children: Attempts | None = None
        """The attempts or subagents that run for this run."""

    @property
    def spend(self) -> Spend:
        """Usage of the shared limits, including that of parallel runs."""
        return self.state.spend.plus(self._shared.others(self))

    @property
    def used(self) -> Spend:
        """Usage of this run, including that of its running subagents."""
        children = self.children.running.values() if self.children is not None else ()
        return self.state.spend.plus([child.used for child in children])

    async def take_messages(self, lines: Sequence[str], redact: Callable[[str], str]) -> str:
        """Log and return a person's messages to the parent run; each attempt reads them, a subagent none."""
        if self.state.settings.subagent is not None:
            return ""  # a person talks to the model that has delegated
        parent, read_count = self.parent, len(self.state.inputs.remarks)
        await parent.take_messages(lines, redact)
        texts = parent.state.inputs.remarks[read_count:]
        if texts:
            await self.append(*(MessagesTaken(text=text) for text in texts))
        return "\n".join(texts)
