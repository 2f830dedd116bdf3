"""Runs that are made for another run: attempts at its task, and subagents that do a task for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from coder.run.event_types import AttemptEnded, Delegation, Parent
from coder.run.message import Message
from coder.run.questions import Decision
from coder.run.settings import Settings
from coder.run.shared_limits import Attempts
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task


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


class ChildRuns(Protocol):
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


def end_of(
    number: int, state: State, *, lines: int = 0, delegation: Delegation | None = None
) -> AttemptEnded:
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
        lines=lines,
        exhausted=spend.exhausted if stopped.status == "limit" else None,
        calls=spend.calls,
        tool_calls=spend.tool_calls,
        usage=spend.usage,
        cost_usd=spend.cost_usd,
        cost_known=spend.cost_known,
        seconds=spend.seconds,
        test_seconds=spend.test_seconds,
    )
