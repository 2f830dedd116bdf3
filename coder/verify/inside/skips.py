"""Tell whether the tests or the code under test skip a test, or make it fail.

In the sandbox's archive with reporter.py; standard library only.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from typing import Any

_MISSING_IMPORT = re.compile(r"could not import '([^'.]+)")
_MISSING_ERRORS = (ImportError, NameError, AttributeError, TypeError, FileNotFoundError)
"""Exceptions that a library also raises for a missing name, parameter or file."""
_UNREACHABLE = (errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH)
_FRAMEWORKS = {"_pytest", "pluggy", "unittest"}


class Skips:
    """Decides by the files of a failure's frames whether tests or code skip a test, or make it fail."""

    def __init__(self, ours: list[str], names: list[str], *, added: Any = None, root: str = ".") -> None:
        self.ours, self.root = ours, os.path.realpath(root)
        self._added, self._names = added, set(names)
        parts = [part for name in names for part in name.split("/")]
        self._modules = {part[:-3] if part.endswith(".py") else part for part in parts}

    def reach_the_code(self, error: BaseException, frames: list[tuple[str, str]], test: str) -> bool:
        """Return whether a test's body failed in the code under test.

        Such a failure is an assertion, has a frame in the code, or is a library's exception on the code's
        objects. A missing name, or a failure before the body, shows nothing about the code.

        Args:
            frames: file and function of each frame.
            test: the test's function.
        """
        if test in [function for _, function in frames] and self.lack_what_is_added(error):
            return True
        if isinstance(error, ImportError) or test not in [function for _, function in frames]:
            return False
        root_prefix = self.root + os.sep
        paths = [os.path.realpath(path) for path, _ in frames]
        own_paths = [path[len(root_prefix) :] for path in paths if path.startswith(root_prefix)]
        is_asserted = isinstance(error, AssertionError) or type(error).__name__ == "Failed"  # pytest.fail()
        if is_asserted or any(path in self._names and not is_ours(path, self.ours) for path in own_paths):
            return True
        last_path = paths[-1]
        is_in_library = not last_path.startswith(root_prefix) and _FRAMEWORKS.isdisjoint(
            last_path.split(os.sep)
        )
        return is_in_library and not isinstance(error, _MISSING_ERRORS)

    def lack_what_is_added(self, error: BaseException) -> bool:
        """Return whether a line of the tests failed for lack of a name, parameter or module of the change."""
        return self._added is not None and bool(self._added.explain(error, self.ours))

    def are_the_tests_own(self, places: list[str], reason: str) -> bool:
        """Return whether the tests or libraries skip, other than for a missing module of the workspace."""
        root_prefix = self.root + os.sep
        own_paths = [path for path in map(os.path.realpath, places) if path.startswith(root_prefix)]
        missing_module = _MISSING_IMPORT.search(reason)
        return all(is_ours(path[len(root_prefix) :], self.ours) for path in own_paths) and (
            missing_module is None or missing_module.group(1) not in self._modules
        )


def lacks_network(error: BaseException) -> bool:
    """Return whether an exception, or one that led to it, says that a host can't be looked up or reached."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        is_unreachable = isinstance(current, OSError) and current.errno in _UNREACHABLE
        if is_unreachable or isinstance(current, socket.gaierror):
            return True
        chain.append(current)
        current = current.__cause__ or current.__context__
    return False


def is_ours(path: str, ours: list[str]) -> bool:
    """Return whether a path of the workspace is one of the tests' paths (`ours`) or below one of them."""
    return path in ours or any(path.startswith(f"{name}/") for name in ours)
