"""Tell whether the tests or the code under test skip a test, or make it fail.

In the sandbox's archive with reporter.py; standard library only.
"""

from __future__ import annotations

import os
import re
from typing import Any

_NOT_IMPORTED = re.compile(r"could not import '([^'.]+)")
_NOT_THERE = (ImportError, NameError, AttributeError, TypeError, FileNotFoundError)
"""What a library raises, too, for a name, a parameter or a file that isn't there."""
_FRAMEWORKS = {"_pytest", "pluggy", "unittest"}


class Skips:
    """Tells by the files of its frames whether tests or code skip a test, or make it fail."""

    def __init__(self, ours: list[str], names: list[str], *, added: Any = None, root: str = ".") -> None:
        self.ours, self.root = ours, os.path.realpath(root)
        self._added, self._names = added, set(names)
        parts = [part for name in names for part in name.split("/")]
        self._modules = {part[:-3] if part.endswith(".py") else part for part in parts}

    def reach_the_code(self, error: BaseException, frames: list[tuple[str, str]], test: str) -> bool:
        """Whether a test's body failed by what the code does.

        That is by an assertion, with a frame in the code, or by what a library says of the code's objects. A
        name that isn't there, and what fails before the body, says nothing of what the code does.

        Args:
            frames: file and function of each.
            test: the function that is the test.
        """
        if test in [function for _, function in frames] and self.lack_what_is_added(error):
            return True
        if isinstance(error, ImportError) or test not in [function for _, function in frames]:
            return False
        here = self.root + os.sep
        paths = [os.path.realpath(path) for path, _ in frames]
        inside = [path[len(here) :] for path in paths if path.startswith(here)]
        is_asserted = isinstance(error, AssertionError) or type(error).__name__ == "Failed"  # pytest.fail()
        if is_asserted or any(path in self._names and not is_ours(path, self.ours) for path in inside):
            return True
        last = paths[-1]
        in_library = not last.startswith(here) and _FRAMEWORKS.isdisjoint(last.split(os.sep))
        return in_library and not isinstance(error, _NOT_THERE)

    def lack_what_is_added(self, error: BaseException) -> bool:
        """Whether a line of the tests failed for a name, parameter or module that the change adds."""
        return self._added is not None and bool(self._added.explain(error, self.ours))

    def are_the_tests_own(self, places: list[str], reason: str) -> bool:
        """Whether tests or libraries skip, by their frames, and not because a workspace module is missing."""
        here = self.root + os.sep
        inside = [place for place in map(os.path.realpath, places) if place.startswith(here)]
        wanted = _NOT_IMPORTED.search(reason)
        return all(is_ours(place[len(here) :], self.ours) for place in inside) and (
            wanted is None or wanted.group(1) not in self._modules
        )


def is_ours(path: str, ours: list[str]) -> bool:
    """Whether a path of the workspace is one of the tests', or in a folder of theirs."""
    return path in ours or any(path.startswith(f"{name}/") for name in ours)
