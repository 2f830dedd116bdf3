"""Patterns of files in rules of permission, compared as places: links in folders and files are followed.

A pattern is a line of `.gitignore` for the run's folder, with `~/` for the home folder, with `//` for any.
ADR 0050 says why no library reads them.
"""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    if not start and len(parts) > 1 and parts[0].exact is None and not rest.startswith("./"):
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

    def covers(self, path: str, end: str, folder: str, *, is_folder: bool, folds: bool) -> bool:
        """Whether an absolute path is meant, or below what is meant.

        Args:
            path: folded as `folder` is.
            end: the path as it is.
            folder: `self.folder`.
        """
        if self.pattern is None and path == folder:
            return is_folder or not self.only_folders
        if not _is_below(path, folder):
            return False
        if self.pattern is None:
            return True
        name, start = (end, self.folder) if len(end) == len(path) else (path, folder)
        relative = name[len(start) + (start != "/") :]
        return self.pattern.covers(relative, is_folder=is_folder, folds=folds)

    def concerns(self, folder: str) -> bool:
        """Whether what is meant may lie in a folder, both without links."""
        place, folder = folded(self.folder), folded(folder)
        return _is_below(place, folder) or (self.pattern is not None and _is_below(folder, place))


@dataclass(frozen=True, slots=True)
class FileMatcher:
    """Matches files with one pattern, in folders as they were when it was made."""

    places: tuple[_Place, ...]
    folds: bool
    """Whether names that differ in the case of letters alone are one, as on some disks, and a path is covered
    if it or its end is. False: both must be."""
    starts: tuple[str, ...]
    """The folders of the places, folded with `folds`."""

    def covers(self, ends: Sequence[tuple[str, str]], *, is_folder: bool = False) -> bool:
        """Whether a file is covered, or a folder above it.

        Args:
            ends: the absolute path, and the one without links, as `Ends` returns them.
        """
        covered = (
            any(
                place.covers(path, end, start, is_folder=is_folder, folds=self.folds)
                for place, start in zip(self.places, self.starts, strict=True)
            )
            for path, end in ends
        )
        return any(covered) if self.folds else all(covered)

    def within(self, folder: str) -> "FileMatcher | None":
        """Return a matcher with the places that concern a folder; None if there are none."""
        places = tuple(place for place in self.places if place.concerns(folder))
        return _matcher(places, folds=self.folds) if places else None

    def starts_in(self, folder: str) -> bool:
        """Whether a place that the pattern names lies in a folder."""
        return any(_is_below(folded(place.folder), folded(folder)) for place in self.places)


def _matcher(places: Sequence[_Place], *, folds: bool) -> FileMatcher:
    starts = tuple(folded(place.folder) if folds else place.folder for place in places)
    return FileMatcher(tuple(places), folds, starts)


class Ends:
    """The paths under which rules may know a file: as it is named, and where links lead."""

    def __init__(self, root: Path, *, folds: bool) -> None:
        self._root, self._folds = os.path.realpath(root), folds
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the absolute paths of one that is absolute or relative to the root, folded and as they are.

        They are two if links lead elsewhere.
        """
        lexical = os.path.normpath(os.path.join(self._root, path))
        end = self._resolve(lexical)
        ends = (lexical,) if end == lexical else (lexical, end)
        return tuple((folded(end) if self._folds else end, end) for end in ends)

    def _resolve(self, path: str) -> str:
        """Return a path without links; folders are resolved once."""
        if os.path.islink(path):
            return os.path.realpath(path)
        parent, name = os.path.split(path)
        if parent not in self._folders:
            self._folders[parent] = os.path.realpath(parent)
        return os.path.join(self._folders[parent], name)


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
    return _matcher(tuple(dict.fromkeys(places)), folds=folds)


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
            if rest[0].exact is None:
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


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def folded(path: str) -> str:
    """Return a path with letters of one case, and in one form: on some disks, these names are one."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
