"""Find changes in a tree with a layer over it: only the layer is walked.

Layer entries hide lower ones: a character device 0:0 marks a removed file, an opaque folder one whose
contents were removed. Below the layer nothing changes.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Set

from sandbox.files.resolve_beneath import FOLDER, Beneath
from sandbox.files.tree_changes import State, TreeChanges
from sandbox.files.tree_walk import Seen

_OPAQUE = "user.overlay.opaque"


class LayerChanges(TreeChanges):
    """TreeChanges of a layer and the files laid below it."""

    def __init__(
        self, layer: Beneath, capacity: Callable[[], int], *, below: Beneath, laid: Mapping[str, str]
    ) -> None:
        """`laid`: SHA-256 (hex) by path of the files below the layer, "" if unknown."""
        super().__init__(layer, capacity)
        self._lower, self._laid = TreeChanges(below, capacity), laid
        self._left = sorted(path for path in laid if ".git" not in path or ".git" not in path.split("/"))
        """Files below the layer that belong to the base, in order."""
        self._kept = set(self._left)
        self._asked: list[str] = []
        """Paths of the layer in the last walk; a folder's ends with a slash."""

    def rebase(self, laid: Mapping[str, str] | None = None) -> None:
        """Make the present tree the base."""
        super().rebase(laid)
        with self._below.as_owner():
            self._kept -= self._hidden()
        self._left = sorted(self._kept)

    def _before(self, path: str) -> State | None:
        if path not in self._base and path in self._kept:
            found = self._lower.look(path, self._laid[path])
            if found is not None:
                self._base[path] = found
        return self._base.get(path)

    def _gone(self, seen: Set[str]) -> Set[str]:
        return (self._hidden() | self._base.keys()) - seen

    def _walk(self, ignored: Callable[[str], bool]) -> Iterator[Seen]:
        self._asked = []

        def noted(path: str) -> bool:
            self._asked.append(path)
            return ignored(path)

        for path, found in super()._walk(noted):
            if found is None or not stat.S_ISCHR(found.st_mode) or found.st_rdev:
                yield path, found

    def _hidden(self) -> set[str]:
        """Files below the layer hidden by the paths of the last walk."""
        hidden: set[str] = set()
        for path in self._asked:
            plain = path.rstrip("/")
            if plain in self._kept:
                hidden.add(plain)
            first = bisect_left(self._left, f"{plain}/")
            after = bisect_left(self._left, f"{plain}0")  # the character after the slash
            if first < after and (plain == path or self._is_opaque(plain)):
                hidden.update(self._left[first:after])
        return hidden

    def _is_opaque(self, folder: str) -> bool:
        try:
            descriptor = self._below.open(folder, FOLDER)
        except OSError:
            return False
        try:
            return os.getxattr(descriptor, _OPAQUE) == b"y"
        except OSError:  # it has no such mark
            return False
        finally:
            os.close(descriptor)
