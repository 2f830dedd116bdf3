"""Use the test commands that were found in a task's folder, one after the other."""

from collections.abc import Sequence

from coder.run.found_tests import DroppedTests, FoundTests
from coder.run.task import Task

TOO_SLOW = "It takes more than "
"""Beginning of the reason to drop a command that another attempt would wait for as long."""

PASSES = "It passes already."
"""Reason to drop a command that passes, where one of another project may be the one that fails."""


def with_found(task: Task, found: tuple[FoundTests, ...]) -> Task:
    """Return the task with the first of these commands as its test command."""
    first = found[0].argv if found else None
    return task.model_copy(update={"found": found, "test_command": first, "dropped": ()})


def without_slow(task: Task, dropped: Sequence[DroppedTests]) -> Task:
    """Return the task without commands at its beginning that were too slow for an earlier message."""
    slow = {tests.argv: tests.reason for tests in dropped if tests.reason.startswith(TOO_SLOW)}
    while task.found and task.found[0].argv in slow:
        task = without_first_found(task, slow[task.found[0].argv])
    return task


def without_first_found(task: Task, reason: str) -> Task:
    """Return the task with the next command, if there is one; `reason` says why the first can't be run."""
    dropped = DroppedTests(**dict(task.found[0]), reason=reason)
    return with_found(task, task.found[1:]).model_copy(update={"dropped": (*task.dropped, dropped)})
