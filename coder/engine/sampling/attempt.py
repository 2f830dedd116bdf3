"""Attempt: a fresh start at a task in a run of its own, made for a parent run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from coder.engine.sampling.candidate import lines_of
from coder.run.event_types import AttemptEnded, Delegation, Draw, Parent
from coder.run.journal import Attempts
from coder.run.message import Message
from coder.run.questions import Decision
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task

_WARM_TEMPERATURE = 0.8
"""Default temperature of all attempts but the first."""
_SEED_STEP = 1000
"""Distance between the seeds of two attempts."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to begin or to continue."""

    run: str
    settings: Settings
    parent: Parent
    is_new: bool
    answers: Mapping[str, Decision]
    """Answers of people to the attempt's questions, by question id."""
    wish: Message | None
    """A person's request for another change."""
    shared: Attempts
    task: Task
    target: Target
    tree: Mapping[str, StoredFile | None] = field(default_factory=dict)
    """Changed files with which a subagent's session begins; None is a removed file."""


class AttemptRuns(Protocol):
    """Protocol: makes attempts in runs of their own."""

    async def make(self, attempt: Attempt) -> State:
        """Begin or continue an attempt, and return its last state.

        Raises:
            MachineError: the log can't be written.
        """

    async def read(self, run: str) -> State | None:
        """Return the state of an attempt by the log; None if its log is empty."""

    async def first_changes(self, run: str) -> Mapping[str, StoredFile | None]:
        """Return the changed files with which a subagent's session has begun."""


def settings_of(state: State, number: int, *, draw: Draw | None, seconds: float, is_wished: bool) -> Settings:
    """Return the settings of one attempt: it writes nothing, and all but the first have a temperature above
    0.

    Args:
        state: the parent run's state.
        seconds: time that the parent run has used.
        is_wished: whether a person asked the attempt for another change.
    """
    settings = state.settings
    budget = state.spend.budget
    limits: dict[str, object] = {"samples": 1, "timeout": max(1.0, budget.timeout - seconds)}
    strategy = "one-shot" if settings.strategy == "best-of-n" else settings.strategy
    attempt_settings: dict[str, object] = {
        "strategy": "repair" if strategy == "one-shot" and is_wished else strategy,
        "budget": budget.model_copy(update=limits),
        "seed": settings.seed + _SEED_STEP * (number - 1),
        "apply": False,
        "commit": False,
        "branch": None,
        "approve": tuple(topic for topic in settings.approve if topic != "landing"),
    }
    if number > 1 and settings.temperature is None and draw is None:
        attempt_settings["temperature"] = _WARM_TEMPERATURE
    return settings.model_copy(update=attempt_settings)


def end_of(number: int, state: State, delegation: Delegation | None = None) -> AttemptEnded:
    """Return the event for the end of an attempt or a subagent, with all that it has used."""
    stopped, spend = state.progress.stopped, state.spend
    assert stopped is not None
    return AttemptEnded(
        delegation=delegation,
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
