"""Patterns of files in rules of permission, compared as places: links in folders and files are followed.

A pattern is a line of `.gitignore` for the run's folder, with `~/` for the home folder, with `//` for any.
ADR 0050 says why no library reads them.
"""

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

from coder.base.text.ignore_patterns import IgnorePattern, Part, parse_parts

ALL_FILES = "**"
"""Pattern of all files."""
_MAX_LINKS, _MAX_DEPTH = 1_000, 4
"""Most links of one folder, and of one path, that a wildcard follows."""


@dataclass(frozen=True, slots=True)
class FilePattern:
    """The pattern of one rule."""

    start: str
    """`//` or `~/`; empty for the run's folder."""
    parts: tuple[Part, ...]
    only_folders: bool = False
    is_anchored: bool = True
    """Whether it is bound to its start; False: it fits at any depth of any folder that a run is given."""


@lru_cache(maxsize=1024)
def parse_file_pattern(text: str) -> FilePattern:
    """Return the parsed pattern.

    Raises:
        ValueError: it could match nothing, or not what it seems to.
    """
    if "\0" in text:
        raise ValueError("a path has no NUL")
    if text.startswith("!"):
        raise ValueError("a rule takes nothing back by `!`")
    start = "~/" if text == "~" else text[:2] if text.startswith(("//", "~/")) else ""
    if text.startswith("~") and not start:
        raise ValueError("only `~/` is a home folder; write `//` before another path")
    rest = text[len(start) :]
    parts = tuple(part for part in parse_parts(rest) if part.literal not in ("", "."))
    behind_wildcard = parts[len(_literals(parts)) :]
    if any(part.literal == ".." for part in behind_wildcard):
        raise ValueError("`..` stands behind a wildcard")
    if not start and len(parts) > 1 and parts[0].expression is None and not rest.startswith("./"):
        return FilePattern(start, parts[1:], rest.endswith("/"), is_anchored=False)  # `**/a` is `a`
    is_anchored = bool(start) or "/" in rest.rstrip("/") or rest.rstrip("/") in ("", ".", "..")
    return FilePattern(start, parts, rest.endswith("/"), is_anchored)


def _literals(parts: Sequence[Part]) -> list[str]:
    return [part.literal or "" for part in takewhile(lambda part: part.literal is not None, parts)]


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder, resolved, with a pattern of what is below it; without one, the place itself is meant."""

    folder: str
    pattern: IgnorePattern | None = None
    only_folders: bool = False

    def covers(self, path: str, *, is_folder: bool, folds: bool) -> bool:
        """Whether an absolute path is meant, or below what is meant."""
        folder, name = (_folded(self.folder), _folded(path)) if folds else (self.folder, path)
        if self.pattern is None and name == folder:
            return is_folder or not self.only_folders
        if not _is_below(name, folder):
            return False
        if self.pattern is None:
            return True
        start, path = (self.folder, path) if _is_below(path, self.folder) else (folder, name)
        relative = path[len(start.rstrip("/")) + 1 :]
        if folds and self.pattern.covers(
            unicodedata.normalize("NFC", relative), is_folder=is_folder, folds=True
        ):
            return True
        return self.pattern.covers(relative, is_folder=is_folder)

    def concerns(self, folder: str) -> bool:
        """Whether what is meant may lie in a folder, both without links."""
        place, folder = _folded(self.folder), _folded(folder)
        return _is_below(place, folder) or (self.pattern is not None and _is_below(folder, place))


@dataclass(frozen=True, slots=True)
class FileMatcher:
    """Matches files of one folder with one pattern."""

    root: str
    places: tuple[_Place, ...]
    folds: bool
    """Whether names that differ in the case of letters alone are one, as on some disks, and a link is covered
    if it or its end is. False: both must be."""
    resolve: Callable[[str], str] = os.path.realpath

    def covers(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether a path, absolute or relative to the root, is covered, or a folder above it."""
        lexical = os.path.normpath(os.path.join(self.root, path))
        ends = dict.fromkeys((lexical, self.resolve(lexical)))
        covered = (
            any(place.covers(end, is_folder=is_folder, folds=self.folds) for place in self.places)
            for end in ends
        )
        return any(covered) if self.folds else all(covered)

    def within(self, folder: Path) -> "FileMatcher | None":
        """Return a matcher with the places that concern a folder; None if there are none."""
        places = tuple(place for place in self.places if place.concerns(os.path.realpath(folder)))
        return replace(self, places=places) if places else None

    def starts_in(self, folder: Path) -> bool:
        """Whether a place that the pattern names lies in a folder."""
        top = _folded(os.path.realpath(folder))
        return any(_is_below(_folded(place.folder), top) for place in self.places)


def place_pattern(text: str, root: Path, *, folds: bool, others: Sequence[Path] = ()) -> FileMatcher:
    """Return the matcher of a pattern for a run's folder; links are followed as they lead now.

    Args:
        text: the pattern, valid.
        folds: whether the rule restricts (`FileMatcher.folds`).
        others: further folders, in which a pattern without a slash is found, too.
    """
    pattern, folder = parse_file_pattern(text), os.path.realpath(root)
    if pattern.is_anchored:
        start = {"//": "/", "~/": str(Path.home())}.get(pattern.start, folder)
        places = _places(start, pattern.parts, only_folders=pattern.only_folders)
    else:
        anywhere = IgnorePattern(pattern.parts, only_folders=pattern.only_folders)
        places = (_Place(each, anywhere) for each in (folder, *map(os.path.realpath, others)))
    return FileMatcher(folder, tuple(dict.fromkeys(places)), folds, _resolver())


def _places(start: str, parts: Sequence[Part], *, only_folders: bool, depth: int = 0) -> Iterator[_Place]:
    """Yield the places that a pattern below a folder means, also where links lead that it matches."""
    names = _literals(parts)
    rest = parts[len(names) :]
    folder = os.path.join(start, *names)
    if not rest:
        name = os.path.basename(folder)
        is_plain = name not in ("", "..")
        if is_plain:
            yield _Place(os.path.join(os.path.realpath(os.path.dirname(folder)), name), None, only_folders)
        yield _Place(os.path.realpath(folder), None, only_folders)
        return
    folder = os.path.realpath(folder)
    yield _Place(folder, IgnorePattern(tuple(rest), is_anchored=True, only_folders=only_folders))
    if depth < _MAX_DEPTH:
        for name, end in _links_in(folder):
            if rest[0].expression is None:
                yield from _places(end, rest, only_folders=only_folders, depth=depth + 1)
            elif rest[0].fits(name, folds=True):
                yield from _places(end, rest[1:], only_folders=only_folders, depth=depth + 1)


def _links_in(folder: str) -> list[tuple[str, str]]:
    """Return names and ends of links in a folder; empty if it can't be listed."""
    try:
        with os.scandir(folder) as entries:
            links = [entry for entry in entries if entry.is_symlink()][:_MAX_LINKS]
    except OSError:
        return []
    return [(link.name, os.path.realpath(link.path)) for link in links]


def _resolver() -> Callable[[str], str]:
    """Return a function that resolves paths, and remembers the folders that it has resolved."""
    folders: dict[str, str] = {}

    def resolve(path: str) -> str:
        parent, name = os.path.split(path)
        if os.path.islink(path):
            return os.path.realpath(path)
        if parent not in folders:
            folders[parent] = os.path.realpath(parent)
        return os.path.join(folders[parent], name)

    return resolve


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


@lru_cache(maxsize=4096)
def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
