"""Target: the file and names that a task is about, and the files that decide what passes."""

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Self

from pydantic import Field

from coder.run.command_inputs import MODULES, SETTINGS
from coder.run.ownership import Ownership
from coder.run.task import Task
from sandbox.result import Value

DEFAULT_PATH = "solution.py"
_STARTS_BY_ITSELF = {"sitecustomize.py", "usercustomize.py"}
_REGISTERS_PLUGINS = (".dist-info", ".egg-info", ".egg-link")
_TEST_NAME = re.compile(r"^(test_.*|.*_test|conftest)\.py$")


class Target(Value, arbitrary_types_allowed=True):
    """The file and names that a task is about; found once, and stored with the task's files."""

    path: str
    """Relative path of the file for code without a file name."""
    names: tuple[str, ...] = ()
    """Names that this file must define, if the task states them."""
    tests: tuple[str, ...] = ()
    """Paths of tests and of other files that decide the test command's result; answers may not write them."""
    is_known: bool = True
    """Whether the task is only about this file; else the path is a last resort."""
    writes_tests: bool = False
    """Whether the answer writes both code and tests, because the folder contains neither."""
    is_asked_for: bool = True
    """Whether the task, its checks or its tests need a file of this name."""
    ownership: Ownership | None = Field(default=None, exclude=True, repr=False)
    """Classifier of files that only the tests use; None if no test decides. It isn't stored."""

    def search_anew(self) -> Self:
        """Return a copy without search results, because each use has a limited number of search passes."""
        if self.ownership is None:
            return self
        return self.model_copy(update={"ownership": self.ownership.anew()})

    def is_of_tests(self, path: str) -> bool:
        """Whether a path is a test file or used only by tests and the test command."""
        return path in self.tests or (self.ownership is not None and self.ownership.side(path) == "tests")

    def is_unclear(self, path: str) -> bool:
        """Whether only the tests use a file that may be either code under test or part of the tests."""
        return self.ownership is not None and self.ownership.side(path) == "unclear"

    def is_support(self, path: str) -> bool:
        """Whether a file is used by tests or the test command alone, and is no code under test."""
        return self.ownership is not None and self.ownership.is_support(path)

    @property
    def is_python(self) -> bool:
        """Whether the target is one known Python file."""
        return self.is_known and self.path.endswith(".py")

    @property
    def module(self) -> str:
        """The path as a dotted module name."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def is_test(path: str) -> bool:
    """Whether a path is a test file by pytest's conventions."""
    folder, _, name = path.rpartition("/")
    return bool(_TEST_NAME.match(name)) or "tests" in folder.split("/")


def decides(path: str, task: Task, target: Target) -> bool:
    """Whether a file decides what passes, so that an answer may not write it.

    Given tests and read-only files always decide. With a test command, pytest's settings and plugins and
    files that Python loads at start decide, too, unless the answer writes the tests. New tests don't.
    """
    parts = PurePosixPath(path).parts
    if target.is_of_tests("/".join(parts)) or any(fnmatchcase(path, glob) for glob in task.read):
        return True
    if MODULES in parts[:-1]:
        return True  # installed modules are visible to programs, but not copied
    name = parts[-1]
    if target.writes_tests:
        return False
    is_setting = name in SETTINGS | _STARTS_BY_ITSELF | {"conftest.py"} or name.endswith(".pth")
    is_setting = is_setting or any(part.lower().endswith(_REGISTERS_PLUGINS) for part in parts)
    return task.test_command is not None and is_setting
