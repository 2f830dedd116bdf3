"""Completion: what a model needs that continues a text instead of answering, by the entry point `completion`.

The engine knows only this seam: the module that supplies the draws is loaded for such a model alone.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, cast

from coder.engine.participants.participant import Participant
from coder.run.event_types import Draw
from coder.run.state import State


class Completion(Protocol):
    """Draws answers of a model that continues texts."""

    def can_complete(self, state: State) -> bool:
        """Whether enough is known of the task to begin its answer."""

    def draw(self, state: State, earlier: Sequence[State]) -> Draw:
        """How the next attempt begins; `earlier` are the attempts that are over."""

    def participant(self) -> Participant:
        """The one that completes the beginning which its run was given."""


@cache
def completion() -> Completion:
    """The installed one."""
    (entry,) = entry_points(group="coder.strategies", name="completion")
    return cast(Completion, entry.load()())
