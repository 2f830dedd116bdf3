"""Paths in answers: which file of the tree is meant, and which paths no answer may name."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath

from coder.text.sanitize import or_nearest

_GIT = {".git", "git~1"}
_LONGEST = 1000
"""Characters of a path."""
_MOST_COMPARED = 2000
"""Names that a wrong one is compared with: each takes time."""


def plain(path: str) -> str:
    """A path without `./` and doubled or trailing slashes."""
    return str(PurePosixPath(path)) if path.strip() else ""


def refusal(path: str) -> str | None:
    """Why no answer may name this path; None where it may."""
    if len(path) > _LONGEST:
        return f"`{path[:40]}…` is too long for a file's name."
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or path[1:3] in (":/", ":\\") or ".." in parts or parts[0] == "~":
        return f"`{path}` leads out of the folder. Name paths relative to it."
    if not path.isprintable() or "\\" in path:
        return f"{path!r} has characters that file names should not have."
    if any(part.lower().rstrip(". ") in _GIT for part in parts):
        return f"`{path}` belongs to git, and is never written."
    return None


class Names:
    """The names of all files of a tree, while edits add and remove some."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    @cached_property
    def _folders(self) -> Counter[str]:
        return Counter(folder for name in self._names for folder in _above(name))

    @cached_property
    def _by_fold(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self._names:
            found.setdefault(_folded(name), []).append(name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Add a file."""
        if name not in self._names:
            self._folders.update(_above(name))
            self._by_fold.setdefault(_folded(name), []).append(name)
            self._names[name] = None

    def remove(self, name: str) -> None:
        """Remove a file."""
        if name in self._names:
            self._folders.subtract(_above(name))
            self._by_fold[_folded(name)].remove(name)
            del self._names[name]

    def find(self, path: str) -> str | None:
        """The file that a path means: itself, or the only one that differs only in case."""
        if path in self._names:
            return path
        alike = self._by_fold.get(_folded(path), [])
        return alike[0] if len(alike) == 1 else None

    def clash(self, path: str) -> str | None:
        """Why a new file can't be at this path beside those that are there; None where it can."""
        above = next((str(a) for a in PurePosixPath(path).parents if str(a) in self._names), None)
        if above is not None:
            return f"`{path}` can't be written: `{above}` is a file, no folder."
        return f"`{path}` can't be written: it is a folder." if self._folders[path] > 0 else None

    def missing(self, path: str) -> str:
        """That a file isn't there, with the one that may be meant."""
        below = [name for name in self._names if name.endswith(f"/{path}") or path.endswith(f"/{name}")]
        if len(below) == 1:
            return f"There is no file `{path}`; do you mean `{below[0]}`?"
        return f"There is no file `{path}`{or_nearest(path, islice(self._names, _MOST_COMPARED)) or '.'}"


def _above(name: str) -> list[str]:
    """The folders that a file is in."""
    return [str(folder) for folder in PurePosixPath(name).parents][:-1]


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
