"""Attempt: a fresh start at a task in a run of its own, as the run that it is made for begins it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from coder.run.event_types import Parent
from coder.run.journal import Attempts
from coder.run.message import Message
from coder.run.questions import Decision
from coder.run.settings import Settings
from coder.run.state import State


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to begin or to continue."""

    run: str
    settings: Settings
    parent: Parent
    is_new: bool
    answers: Mapping[str, Decision]
    """What people have answered to its questions, by their ids."""
    wish: Message | None
    """What a person wants in place of its change."""
    shared: Attempts


class AttemptRuns(Protocol):
    """Makes attempts in runs of their own."""

    async def make(self, attempt: Attempt) -> State:
        """Begin or continue an attempt, and return its last state.

        Raises:
            MachineError: the log can't be written.
        """

    async def read(self, run: str) -> State:
        """The state of an attempt, of the log."""
