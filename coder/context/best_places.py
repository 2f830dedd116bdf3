"""Places that a text names: files, lines of tracebacks and compilers, modules, and names that are defined."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coder.base.text.paths_in_text import PrintedPaths
from coder.context.definition_facts import Definers
from coder.run.target import is_test

MOST_PLACES = 60
MOST_READ = 256 << 10
"""Characters of a text that are looked at."""
_MOST_FAULTS = 3
"""Lines at which tracebacks end, if they are to be shown."""
_MOST_DEFINERS = 2
"""Files that define a word, if it is to name a place."""
_TOKEN = re.compile(
    r"(?P<name>[^\s\"'`()\[\]{}<>,;:|=*?!]{1,400})"
    r"(?:\"?,? line (?P<said>\d{1,7})|:(?P<after>\d{1,7})|\((?P<inside>\d{1,7})[,)])?"
)
_QUOTED = re.compile(r"`([^`\n]{1,80})`")
_CALLED = re.compile(r"\b([^\W\d]\w*)\(")
_CAPITAL = re.compile(r"(?<=\w )[A-Z]\w+")
_DEFINED = re.compile(r"^[ \t>.+-]*(?:def|class)[ \t]+(\w+)|^[ \t>.+-]*(\w+)[ \t]*=(?!=)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class QuotedPlace:
    """A file of the repository, with a line number if the text gives one."""

    path: str
    line: int | None = None
    """Begins at 1."""


class QuotedPlaces:
    """Finds places in texts, for the files of one repository."""

    def __init__(self, paths: Iterable[str], definers: Definers) -> None:
        self._paths = PrintedPaths(paths)
        self._definers = definers

    def mentions(self, text: str) -> list[QuotedPlace]:
        """Places that a text mentions, each once, in order; those with a path first."""
        text = text[:MOST_READ]
        places = [*self._by_path(text), *self._by_word(text)]
        return list(dict.fromkeys(places))[:MOST_PLACES]

    def faults(self, text: str) -> list[QuotedPlace]:
        """The last line outside of tests of each traceback in a text; a traceback begins in a test."""
        faults: list[QuotedPlace] = []
        last: QuotedPlace | None = None
        for place in self._lines(text[:MOST_READ]):
            if not is_test(place.path):
                last = place
            elif last is not None:
                faults.append(last)
                last = None
        faults += [last] if last is not None else []
        return list(dict.fromkeys(faults))[:_MOST_FAULTS]

    def _lines(self, text: str) -> Iterator[QuotedPlace]:
        """The lines of files that a text names, in order, repeated as there."""
        for token in _TOKEN.finditer(text):
            line = token["said"] or token["after"] or token["inside"]
            path = self._paths.find(token["name"].rstrip(".")) if line and "." in token["name"] else None
            if path is not None:
                yield QuotedPlace(path, int(line))

    def paths(self, text: str) -> list[str]:
        """The files whose paths a text holds, each once, in order."""
        return list(dict.fromkeys(place.path for place in self._by_path(text[:MOST_READ])))

    def module(self, dotted: str) -> str | None:
        """The file of a Python module by its dotted name; None where none is, or more than one could be."""
        stem = dotted.replace(".", "/")
        return self._paths.ending(f"{stem}.py") or self._paths.ending(f"{stem}/__init__.py")

    def _by_path(self, text: str) -> Iterator[QuotedPlace]:
        tokens = (
            (t["name"].rstrip("."), t["said"] or t["after"] or t["inside"])
            for t in _TOKEN.finditer(text)
            if t["name"].endswith(".py") or not text.startswith("::", t.end())  # else a test item of data
        )
        for name, line in dict.fromkeys(pair for pair in tokens if "." in pair[0]):
            path = self._paths.find(name)
            if path is not None:
                yield QuotedPlace(path, int(line) if line else None)
            elif "/" not in name:
                yield from self._by_module(name)

    def _by_module(self, dotted: str) -> Iterator[QuotedPlace]:
        """`package.module`, or a name in it."""
        path = self.module(dotted)
        if path is not None:
            yield QuotedPlace(path)
            return
        module, _, name = dotted.rpartition(".")
        path = self.module(module) if module else None
        if path is not None:
            yield QuotedPlace(path, self._definers.get(name, {}).get(path))

    def _by_word(self, text: str) -> Iterator[QuotedPlace]:
        """Names that only a few files define."""
        for word in _names(text):
            at = self._definers.get(word, {})
            if len(word) > 2 and len(at) <= _MOST_DEFINERS:
                yield from (QuotedPlace(path, line) for path, line in at.items())


def _names(text: str) -> list[str]:
    """What may be meant as a name: in backticks, called, capital within a sentence, or no word of prose.

    Several words in backticks are a message, and what an example defines is its own.
    """
    quoted = [word for part in _QUOTED.findall(text) if " " not in part for word in _WORD.findall(part)]
    compound = [word for word in _WORD.findall(text) if "_" in word or not word[1:].islower()]
    names = dict.fromkeys([*quoted, *_CALLED.findall(text), *compound, *_CAPITAL.findall(text)])
    own = {name for pair in _DEFINED.findall(text) for name in pair}
    return [name for name in names if name not in own]
