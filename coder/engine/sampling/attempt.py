"""Attempt: a fresh start at a task in a run of its own, as the run that it is made for begins it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from coder.engine.sampling.candidate import lines_of
from coder.run.event_types import AttemptEnded, Draw, Parent
from coder.run.journal import Attempts
from coder.run.message import Message
from coder.run.questions import Decision
from coder.run.settings import Settings
from coder.run.state import State

_WARM = 0.8
"""Temperature of all attempts but the first, where none is named."""
_SEEDS = 1000
"""Between the seeds of two attempts: each draws with some of its own."""


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

    async def read(self, run: str) -> State | None:
        """The state of an attempt by the log; None: it was ended before its first event."""


def settings_of(state: State, number: int, *, draw: Draw | None, seconds: float, is_wished: bool) -> Settings:
    """The settings of one attempt: it writes nothing, and all but the first have a temperature above 0.

    Args:
        state: of the run that it is made for.
        seconds: that this run has used.
        is_wished: a person wants another change of it.
    """
    settings = state.settings
    budget = state.spend.budget
    limits: dict[str, object] = {"samples": 1, "timeout": max(1.0, budget.timeout - seconds)}
    strategy = "one-shot" if settings.strategy == "best-of-n" else settings.strategy
    own: dict[str, object] = {
        "strategy": "repair" if strategy == "one-shot" and is_wished else strategy,
        "budget": budget.model_copy(update=limits),
        "seed": settings.seed + _SEEDS * (number - 1),
        "apply": False,
        "commit": False,
        "branch": None,
        "approve": tuple(what for what in settings.approve if what != "landing"),
    }
    if number > 1 and settings.temperature is None and draw is None:
        own["temperature"] = _WARM
    return settings.model_copy(update=own)


def end_of(number: int, state: State) -> AttemptEnded:
    """How an attempt ended, with all that it has used."""
    stopped, spend = state.progress.stopped, state.spend
    assert stopped is not None
    return AttemptEnded(
        attempt=number,
        run=state.run,
        status=stopped.status,
        reason=stopped.reason,
        verified=stopped.verified,
        exit_code=stopped.exit_code,
        lines=lines_of(state),
        exhausted=spend.exhausted if stopped.status == "limit" else None,
        calls=spend.calls,
        tool_calls=spend.tool_calls,
        usage=spend.usage,
        cost_usd=spend.cost_usd,
        cost_known=spend.cost_known,
        seconds=spend.seconds,
        test_seconds=spend.test_seconds,
    )
