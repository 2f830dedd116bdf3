"""Tell a skip that the tests decided on from one that the code under test brought about.

Copied beside reporter.py into the sandbox; standard library only.
"""

from __future__ import annotations

import os
import re

_NOT_IMPORTED = re.compile(r"could not import '([^'.]+)")


class Skips:
    """Tells a skip that the tests decided on from one that the code under test brought about."""

    def __init__(self, ours: list[str], names: list[str]) -> None:
        self._ours = ours
        parts = [part for name in names for part in name.split("/")]
        self._modules = {part[:-3] if part.endswith(".py") else part for part in parts}

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
