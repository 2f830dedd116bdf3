"""FoundTests: a test command that a project's own files name, and where."""

from operator import not_

from pydantic import Field

from sandbox.result import Value


class FoundTests(Value):
    """A test command of a project that nobody has given, so that it may turn out not to run."""

    argv: tuple[str, ...]
    place: str
    """The file that names the command, or whose kind implies it."""
    is_given: bool = Field(default=False, exclude_if=not_)
    """Whether the user gave it in an earlier call."""
    nearest_to: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Files of the task, if these are only the tests nearest to them, which serve if all take too long."""


class DroppedTests(FoundTests):
    """A found test command that a run doesn't use."""

    reason: str
