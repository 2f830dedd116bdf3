"""Completion: draws of a model that continues a text instead of answering; entry point `completion`.

The engine only knows this protocol; the module behind it is loaded for such models alone.
"""

from collections.abc import Sequence
from functools import cache
from typing import Protocol, cast

from coder.engine.participants.participant import Participant
from coder.run.event_types import Draw
from coder.run.state import State
from sandbox.interpreter.plugins import find_plugins


class Completion(Protocol):
    """Protocol for sampling answers from a model that continues texts."""

    def can_complete(self, state: State) -> bool:
        """Return whether enough is known of the task to begin its answer."""

    def draw(self, state: State, earlier: Sequence[State]) -> Draw:
        """Return the beginning of the next attempt; `earlier` are the finished attempts."""

    def participant(self) -> Participant:
        """Return the participant that completes the beginning given to its run."""


@cache
def completion() -> Completion:
    """Return the installed implementation."""
    (entry,) = (entry for entry in find_plugins("coder.strategies") if entry.name == "completion")
    return cast(Completion, entry.load()())
