"""Places that a text names: files, lines of tracebacks and compilers, modules, and names that are defined."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from coder.context.facts import Facts

MOST_PLACES = 60
MOST_READ = 256 << 10
"""Characters of a text that are looked at."""
_MOST_DEFINERS = 2
"""Files that define a word, if it is to name a place."""
_TOKEN = re.compile(
    r"(?P<name>[^\s\"'`()\[\]{}<>,;:|=*?!]{1,400})"
    r"(?:\"?,? line (?P<said>\d{1,7})|:(?P<after>\d{1,7})|\((?P<inside>\d{1,7})[,)])?"
)
_QUOTED = re.compile(r"`([^`\n]{1,80})`")
_CALLED = re.compile(r"\b([^\W\d]\w*)\(")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Place:
    """A file of the repository, and the line in it where one was named."""

    path: str
    line: int | None = None
    """Begins at 1."""


class Places:
    """Finds places in texts, for the files of one repository."""

    def __init__(self, paths: Iterable[str], facts: Mapping[str, Facts]) -> None:
        self._paths = set(paths)
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            self._by_name.setdefault(PurePosixPath(path).name, []).append(path)
        self._definers: dict[str, dict[str, int]] = {}
        for path in sorted(facts):
            for name, line in facts[path].definitions():
                self._definers.setdefault(name, {}).setdefault(path, line)

    def named(self, text: str) -> list[Place]:
        """The places that a text names: those with a path first, each once, in order."""
        text = text[:MOST_READ]
        found = [*self._by_path(text), *self._by_word(text)]
        return list(dict.fromkeys(found))[:MOST_PLACES]

    def mentioned(self, text: str) -> set[str]:
        """Names in a text, no plain words of prose, that are defined somewhere."""
        return self._definers.keys() & set(_names(text[:MOST_READ]))

    def module(self, dotted: str) -> str | None:
        """The file of a Python module by its dotted name; None where none is, or more than one could be."""
        stem = dotted.replace(".", "/")
        return self._whole(f"{stem}.py") or self._whole(f"{stem}/__init__.py")

    def path(self, name: str) -> str | None:
        """The file that a name means, whatever folder it is written from; None where that isn't clear."""
        name = name.replace("\\", "/")
        while name.startswith("./"):
            name = name[2:]
        if name in self._paths:
            return name
        found, shared = self._nearest(name)
        # Two parts in common are no accident; the name alone may be a file of somebody else's.
        is_clear = found is not None and (shared > 1 or "/" not in name or "/" not in found)
        return found if is_clear else None

    def _whole(self, name: str) -> str | None:
        """The one file whose path ends as the whole name does."""
        found, shared = self._nearest(name)
        return found if shared == len(PurePosixPath(name).parts) else None

    def _nearest(self, name: str) -> tuple[str | None, int]:
        """The one file whose path shares the longest end with a name, and how many parts that are."""
        parts = PurePosixPath(name).parts
        nearest: list[str] = []
        most = 0
        for path in self._by_name.get(parts[-1], ()) if parts else ():
            shared = _shared_end(PurePosixPath(path).parts, parts)
            if shared > most:
                nearest, most = [path], shared
            elif shared == most:
                nearest.append(path)
        return (nearest[0], most) if len(nearest) == 1 else (None, 0)

    def _by_path(self, text: str) -> Iterator[Place]:
        found = (
            (t["name"].rstrip("."), t["said"] or t["after"] or t["inside"]) for t in _TOKEN.finditer(text)
        )
        for name, line in dict.fromkeys(pair for pair in found if "." in pair[0]):
            path = self.path(name)
            if path is not None:
                yield Place(path, int(line) if line else None)
            elif "/" not in name:
                yield from self._by_module(name)

    def _by_module(self, dotted: str) -> Iterator[Place]:
        """`package.module`, or a name in it."""
        path = self.module(dotted)
        if path is not None:
            yield Place(path)
            return
        module, _, name = dotted.rpartition(".")
        path = self.module(module) if module else None
        if path is not None:
            yield Place(path, self._definers.get(name, {}).get(path))

    def _by_word(self, text: str) -> Iterator[Place]:
        """Names that only a few files define."""
        for word in _names(text):
            at = self._definers.get(word, {})
            if len(word) > 2 and len(at) <= _MOST_DEFINERS:
                yield from (Place(path, line) for path, line in at.items())


def _names(text: str) -> list[str]:
    """What is meant as a name: words in backticks, called ones, and those that no prose would hold."""
    quoted = [word for part in _QUOTED.findall(text) for word in _WORD.findall(part)]
    compound = [word for word in _WORD.findall(text) if "_" in word.strip("_") or not word[1:].islower()]
    return list(dict.fromkeys([*quoted, *_CALLED.findall(text), *compound]))


def _shared_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
