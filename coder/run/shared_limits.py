"""Runs that share the limits of one run: its attempts, or its subagents."""

from coder.run.event_types import AttemptEnded
from coder.run.journal import Journal
from coder.run.records.spend import Spend


class Attempts:
    """The running attempts of one run, which share its limits."""

    def __init__(self, parent: Journal) -> None:
        self.parent = parent
        self.running: dict[int, Journal] = {}
        """Journals of running attempts, by number."""
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
        """Return the usage of the run, which includes ended subagents, and of the other running ones."""
        siblings = [running.used for running in self.running.values() if running is not journal]
        return [self.parent.spend, *siblings]
