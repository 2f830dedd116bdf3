"""Task: a prompt, and the tests and checks that decide whether it is done."""

from operator import not_
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from coder.models.answer_parts import Image
from coder.run.found_tests import DroppedTests, FoundTests
from coder.run.prompt import MAX_PROMPT, name_pictures, require_prompt
from sandbox.result import Value


class TestSource(Value):
    """A given test file. It decides in the checker's sandbox, separated from the candidate."""

    __test__ = False  # so that pytest doesn't collect it

    path: str
    """Relative name, `/` between folders."""
    text: str


class Task(Value):
    """A prompt, the files that it is about, and the tests and checks that decide whether it is done.

    All of test_command, test_files and checks must pass. Without them examples of the prompt decide; without
    examples the run can only end `unverified`.
    """

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT)
    workspace: Path | None = None
    """The user's folder or file that the task is about; it may not exist yet."""
    test_command: tuple[str, ...] | None = None
    found: tuple[FoundTests, ...] = Field(default=(), exclude_if=not_)
    """Test commands that were found in the folder, the first of which is the test command; else empty."""
    dropped: tuple[DroppedTests, ...] = Field(default=(), exclude_if=not_)
    """Found commands that can't be run."""
    test_files: tuple[TestSource, ...] = ()
    checks: tuple[str, ...] = ()
    """Python statements such as `assert add(2, 3) == 5`."""
    is_users: bool = Field(default=False, exclude_if=not_)
    """Whether the user wrote the prompt, so that it may change what given tests expect."""
    is_quoted: bool = Field(default=False, exclude_if=not_)
    """Whether the prompt quotes others, such as an issue: it may not choose which of the tests decide."""
    mends: bool = False
    """Whether the task is to make a failing test command pass."""
    pictures: tuple[Image, ...] = ()
    """Pictures for the model in addition to the prompt."""
    read: tuple[str, ...] = ()
    """Globs of workspace files that are shown even if git ignores them, and never written."""
    unread: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Globs of workspace files that the user's rules keep from models and programs."""
    answer_schema: dict[str, Any] | None = Field(default=None, exclude_if=not_)
    """JSON Schema of the value that the run returns; None: the run returns only changed files."""

    _name_pictures = model_validator(mode="before")(name_pictures)

    def with_prompt(self, text: str, pictures: tuple[Image, ...] | None = None) -> "Task":
        """Return a copy with another prompt, and perhaps other pictures. Raises UsageError."""
        images = self.pictures if pictures is None else pictures
        return self.model_copy(update={"prompt": require_prompt(text, images), "pictures": images})

    @property
    def is_found(self) -> bool:
        """Whether nobody gave the tests that decide, so that what failed before may go on failing."""
        return bool(self.found) and not self.mends

    @property
    def is_tested(self) -> bool:
        """Whether tests, checks or a schema decide about the task, so that words alone are no answer."""
        is_given = self.test_command is not None and not self.is_found
        return bool(is_given or self.test_files or self.checks or self.answer_schema)

    @field_validator("answer_schema")
    @classmethod
    def _require_encodable(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            from coder.run.answer import require_schema  # imported late: few tasks have a schema

            require_schema(schema)
        return schema
