"""Positions of steps: the same in every execution of the same flow, also in parallel branches."""

import asyncio
from collections.abc import Coroutine, Iterator
from collections.abc import Sequence as Items
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from coder.base.errors import UsageError
from coder.flows.errors import FlowEnds

T = TypeVar("T")


@dataclass(slots=True)
class Sequence:
    """The steps that one task of the flow takes one after another."""

    prefix: str
    """Position of the branch, with a point at its end; empty outside of branches."""
    task: asyncio.Task[object] | None
    count: int = 0


_sequence: ContextVar[Sequence | None] = ContextVar("sequence", default=None)
_current_step: ContextVar[str] = ContextVar("current_step", default="")


def next_position(what: str) -> str:
    """Return the position of the next step.

    Raises:
        UsageError: the caller is a step itself, or a task that the flow doesn't know.
    """
    if step := _current_step.get():
        raise UsageError(f"{what} was called by the step `{step}`. Steps don't nest: call it from the flow.")
    sequence = _sequence.get()
    if sequence is None or asyncio.current_task() is not sequence.task:
        raise UsageError(
            f"{what} was called by another task than the flow's, where the order of steps depends on chance. "
            "Use flow.parallel or flow.map."
        )
    sequence.count += 1
    return f"{sequence.prefix}{sequence.count}"


@contextmanager
def branch(prefix: str) -> Iterator[None]:
    """Context manager that counts the steps of the current task from 1, after this prefix."""
    token = _sequence.set(Sequence(prefix, asyncio.current_task()))
    try:
        yield
    finally:
        _sequence.reset(token)


@contextmanager
def inside_step(name: str) -> Iterator[None]:
    """Context manager that refuses further steps in its block."""
    token = _current_step.set(name)
    try:
        yield
    finally:
        _current_step.reset(token)


async def together(work: Items[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; raise what ends the flow, else the first failure in order, each time the same."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in sorted(errors, key=_urgency):
        raise error
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


def _urgency(error: BaseException) -> int:
    """Return the rank of an error of a branch: a difference, a question, another error."""
    if isinstance(error, FlowEnds):
        return 0 if isinstance(error.cause, UsageError) else 1
    return 2 if isinstance(error, Exception) else 0
