"""Paths in answers: which file of the tree is meant, and which paths no answer may name."""

import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

from coder.nearest import or_nearest

_GIT = {".git", "git~1"}
_MOST_COMPARED = 2000
"""Names that a wrong one is compared with: each takes time."""


def plain(path: str) -> str:
    """A path without `./` and doubled or trailing slashes."""
    return str(PurePosixPath(path)) if path.strip() else ""


def refusal(path: str) -> str | None:
    """Why no answer may name this path; None where it may."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or path[1:3] in (":/", ":\\") or ".." in parts:
        return f"`{path}` leads out of the folder. Name paths relative to it."
    if not path.isprintable() or "\\" in path:
        return f"{path!r} has characters that file names should not have."
    if any(part.lower().rstrip(". ") in _GIT for part in parts):
        return f"`{path}` belongs to git, and is never written."
    return None


def find(path: str, known: Collection[str]) -> str | None:
    """The file of the tree that a path means: itself, or the only one that differs only in case."""
    if path in known:
        return path
    wanted = _folded(path)
    alike = [name for name in known if _folded(name) == wanted]
    return alike[0] if len(alike) == 1 else None


def missing(path: str, known: Collection[str]) -> str:
    """That a file isn't there, with the one that may be meant."""
    below = [name for name in known if name.endswith(f"/{path}") or path.endswith(f"/{name}")]
    if len(below) == 1:
        return f"There is no file `{path}`; do you mean `{below[0]}`?"
    return f"There is no file `{path}`{or_nearest(path, list(known)[:_MOST_COMPARED]) or '.'}"


def clash(path: str, known: Collection[str]) -> str | None:
    """Why a new file can't be at this path beside those that are there; None where it can."""
    above = next((str(a) for a in PurePosixPath(path).parents if str(a) in known), None)
    if above is not None:
        return f"`{path}` can't be written: `{above}` is a file, no folder."
    if any(name.startswith(f"{path}/") for name in known):
        return f"`{path}` can't be written: it is a folder."
    return None


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
