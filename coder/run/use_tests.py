"""Use the test commands that were found in a task's folder, one after the other."""

from coder.run.found_tests import DroppedTests, FoundTests
from coder.run.task import Task


def with_found(task: Task, found: tuple[FoundTests, ...]) -> Task:
    """Return the task with the first of these commands as its test command."""
    return task.model_copy(update={"found": found, "test_command": found[0].argv if found else None})


def without_first_found(task: Task, reason: str) -> Task:
    """Return the task with the next command, if there is one; `reason` says why the first can't be run."""
    dropped = DroppedTests(**dict(task.found[0]), reason=reason)
    return with_found(task, task.found[1:]).model_copy(update={"dropped": (*task.dropped, dropped)})
