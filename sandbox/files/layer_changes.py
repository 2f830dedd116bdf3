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
from sandbox.files.tree_walk import WalkedEntry

_OPAQUE = "user.overlay.opaque"


class LayerChanges(TreeChanges):
    """TreeChanges of a layer and the files laid below it."""

    def __init__(
        self, layer: Beneath, capacity: Callable[[], int], *, below: Beneath, laid: Mapping[str, str]
    ) -> None:
        """`laid`: SHA-256 (hex) by path of the files below the layer, "" if unknown."""
        super().__init__(layer, capacity)
        self._lower, self._laid = TreeChanges(below, capacity), laid
        self._lower_paths = sorted(
            path for path in laid if ".git" not in path or ".git" not in path.split("/")
        )
        """Files below the layer that belong to the base, sorted."""
        self._visible_paths = set(self._lower_paths)
        self._walked_paths: list[str] = []
        """Paths of the layer in the last walk; a folder's ends with a slash."""

    def rebase(self, laid: Mapping[str, str] | None = None) -> None:
        """Make the present tree the base."""
        super().rebase(laid)
        with self._below.as_owner():
            self._visible_paths -= self._find_hidden()
        self._lower_paths = sorted(self._visible_paths)

    def _find_base_state(self, path: str) -> State | None:
        if path not in self._base and path in self._visible_paths:
            state = self._lower.read_state(path, self._laid[path])
            if state is not None:
                self._base[path] = state
        return self._base.get(path)

    def _find_removed(self, paths: Set[str]) -> Set[str]:
        return (self._find_hidden() | self._base.keys()) - paths

    def _walk(self, ignored: Callable[[str], bool]) -> Iterator[WalkedEntry]:
        self._walked_paths = []

        def note_path(path: str) -> bool:
            self._walked_paths.append(path)
            return ignored(path)

        for path, status in super()._walk(note_path):
            if status is None or not stat.S_ISCHR(status.st_mode) or status.st_rdev:
                yield path, status

    def _find_hidden(self) -> set[str]:
        """Find the files below the layer that entries of the last walk hide."""
        hidden: set[str] = set()
        for path in self._walked_paths:
            lower_path = path.rstrip("/")
            if lower_path in self._visible_paths:
                hidden.add(lower_path)
            start = bisect_left(self._lower_paths, f"{lower_path}/")
            end = bisect_left(self._lower_paths, f"{lower_path}0")  # the character after the slash
            if start < end and (lower_path == path or self._is_opaque(lower_path)):
                hidden.update(self._lower_paths[start:end])
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
