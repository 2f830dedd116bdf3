"""Task: what is to be done, and how we know that it is done."""

from operator import not_
from pathlib import Path

from pydantic import BaseModel, Field

from coder.models.model import Image

MAX_PROMPT = 256 * 1024
"""Characters of a prompt; more than any model of today reads to its end."""


class TestSource(BaseModel, frozen=True, extra="forbid"):
    """A test file that was given. It decides in the checker's sandbox, away from the candidate."""

    __test__ = False  # so that pytest does not take it for a test class

    path: str
    """Relative name, `/` between folders."""
    text: str


class Task(BaseModel, frozen=True, extra="forbid"):
    """A task in words, the files it is about, and what decides that it is done.

    All of test_command, test_files and checks must pass. Without them examples of the prompt decide; without
    examples the run can only end `unverified`.
    """

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT)
    workspace: Path | None = None
    """Folder (or one file) of the user that the task is about; it may not exist yet."""
    test_command: tuple[str, ...] | None = None
    test_files: tuple[TestSource, ...] = ()
    checks: tuple[str, ...] = ()
    """Python statements such as `assert add(2, 3) == 5`."""
    is_users: bool = Field(default=False, exclude_if=not_)
    """The user typed the prompt or gave it as a file: its words may change what given tests expect."""
    mends: bool = False
    """The test command fails now, and whatever fails in it is to pass."""
    pictures: tuple[Image, ...] = ()
    """What the model is to see beside the prompt."""
    read: tuple[str, ...] = ()
    """Globs of files of the workspace that are shown, also where git ignores them, and never written."""
