"""Tell the tests' own doing from that of the code under test: in skips, and in what fails.

Copied beside reporter.py into the sandbox; standard library only.
"""

from __future__ import annotations

import os
import re

_NOT_IMPORTED = re.compile(r"could not import '([^'.]+)")


class Skips:
    """Tells by the files of its frames whose doing it is that a test is skipped, or fails."""

    def __init__(self, ours: list[str], names: list[str]) -> None:
        self._ours, self._names = ours, set(names)
        parts = [part for name in names for part in name.split("/")]
        self._modules = {part[:-3] if part.endswith(".py") else part for part in parts}

    def reach_the_code(self, error: BaseException, frames: list[tuple[str, str]], test: str) -> bool:
        """Whether a test's body failed by what the code does: by an assertion, or with a frame in the code.

        A name that isn't there, and what fails before the body, says nothing of what the code does.

        Args:
            frames: file and function of each.
            test: the function that is the test.
        """
        if isinstance(error, ImportError) or test not in [function for _, function in frames]:
            return False
        here = os.path.realpath(os.getcwd()) + os.sep
        paths = [os.path.realpath(path) for path, _ in frames]
        inside = [path[len(here) :] for path in paths if path.startswith(here)]
        is_asserted = isinstance(error, AssertionError) or type(error).__name__ == "Failed"  # pytest.fail()
        return is_asserted or any(path in self._names and not is_ours(path, self._ours) for path in inside)

    def are_the_tests_own(self, places: list[str], reason: str) -> bool:
        """Raised over test files and libraries only, and not for want of a module of the workspace.

        Args:
            places: files of the frames that it was raised over; none where a mark skips.
        """
        here = os.path.realpath(os.getcwd()) + os.sep
        inside = [place for place in map(os.path.realpath, places) if place.startswith(here)]
        wanted = _NOT_IMPORTED.search(reason)
        return all(is_ours(place[len(here) :], self._ours) for place in inside) and (
            wanted is None or wanted.group(1) not in self._modules
        )


def is_ours(path: str, ours: list[str]) -> bool:
    """Whether a path of the workspace is one of the tests', or in a folder of theirs."""
    return path in ours or any(path.startswith(f"{name}/") for name in ours)
