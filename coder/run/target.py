"""Target: which file the answer's code belongs to, and which names it must define."""

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Self

from pydantic import BaseModel, Field

from coder.run.command_inputs import MODULES, SETTINGS
from coder.run.ownership import Ownership
from coder.run.task import Task

DEFAULT_PATH = "solution.py"
_STARTS_BY_ITSELF = {"sitecustomize.py", "usercustomize.py"}
_REGISTERS_PLUGINS = (".dist-info", ".egg-info", ".egg-link")
_TEST_NAME = re.compile(r"^(test_.*|.*_test|conftest)\.py$")


class Target(BaseModel, frozen=True, extra="forbid", arbitrary_types_allowed=True):
    """What the code of an answer is for: found once for a task and its files, and stored with them."""

    path: str
    """Relative path of the file that code without a name belongs to."""
    names: tuple[str, ...] = ()
    """Names that this file must define, so far as the task says."""
    tests: tuple[str, ...] = ()
    """Paths that hold tests, or through which the test command decides: never written by an answer."""
    is_known: bool = True
    """False: it may be about other files of the user's too; the path is a last resort."""
    writes_tests: bool = False
    """The folder holds neither code nor tests: the answer writes both, and the test command runs them."""
    is_asked_for: bool = True
    """The task, its checks or its tests need a file of this name; False: any other name would do as well."""
    ownership: Ownership | None = Field(default=None, exclude=True, repr=False)
    """Which other files only the tests use; None where no test decides. It isn't stored: files have it."""

    def search_anew(self) -> Self:
        """The same before any search for the users of files: each use of a target has all its passes."""
        if self.ownership is None:
            return self
        return self.model_copy(update={"ownership": self.ownership.anew()})

    def is_of_tests(self, path: str) -> bool:
        """Whether a path holds tests, or what only they and the test command use."""
        return path in self.tests or (self.ownership is not None and self.ownership.side(path) == "tests")

    def is_unclear(self, path: str) -> bool:
        """Whether only the tests use a file, which may be what they test or a part of them."""
        return self.ownership is not None and self.ownership.side(path) == "unclear"

    @property
    def is_python(self) -> bool:
        """One file is asked for, and it is Python."""
        return self.is_known and self.path.endswith(".py")

    @property
    def module(self) -> str:
        """The path as a dotted module name."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def is_test(path: str) -> bool:
    """Whether a path holds tests, by pytest's own conventions."""
    folder, _, name = path.rpartition("/")
    return bool(_TEST_NAME.match(name)) or "tests" in folder.split("/")


def decides(path: str, task: Task, target: Target) -> bool:
    """Whether a path decides what passes, so that an answer may not write it.

    Given tests and files to read only, always; with a test command also settings and plugins of pytest and
    what starts with Python, unless the answer writes the tests. New tests decide nothing.
    """
    parts = PurePosixPath(path).parts
    if target.is_of_tests("/".join(parts)) or any(fnmatchcase(path, glob) for glob in task.read):
        return True
    if MODULES in parts[:-1]:
        return True  # what was installed there is shown to programs, and no copy holds it
    name = parts[-1]
    if target.writes_tests:
        return False
    settings = name in SETTINGS | _STARTS_BY_ITSELF | {"conftest.py"} or name.endswith(".pth")
    settings = settings or any(part.lower().endswith(_REGISTERS_PLUGINS) for part in parts)
    return task.test_command is not None and settings
