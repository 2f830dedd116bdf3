"""Find places that a text names: files, lines in tracebacks and compiler output, modules, defined names."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coder.base.text.paths_in_text import PrintedPaths
from coder.context.definition_facts import Definers
from coder.run.target import is_test

MAX_PLACES = 60
MAX_READ = 256 << 10
"""Read at most this many characters of a text."""
_MAX_FAULTS = 3
"""Return at most this many ends of tracebacks."""
_MAX_DEFINERS = 2
"""A word names a place only if at most this many files define it."""
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
    """A file of the repository, with a line number if the text states one."""

    path: str
    line: int | None = None
    """Line number, from 1."""


class QuotedPlaces:
    """Finds places in texts, for the files of one repository."""

    def __init__(self, paths: Iterable[str], definers: Definers) -> None:
        self._paths = PrintedPaths(paths)
        self._definers = definers

    def mentions(self, text: str) -> list[QuotedPlace]:
        """Return the distinct places that a text mentions, in order; those with a path come first."""
        text = text[:MAX_READ]
        places = [*self._by_path(text), *self._by_word(text)]
        return list(dict.fromkeys(places))[:MAX_PLACES]

    def faults(self, text: str) -> list[QuotedPlace]:
        """Return the last line outside of tests of each traceback in a text."""
        faults: list[QuotedPlace] = []
        last_place: QuotedPlace | None = None
        for place in self._lines(text[:MAX_READ]):
            if not is_test(place.path):
                last_place = place
            elif last_place is not None:
                faults.append(last_place)
                last_place = None
        faults += [last_place] if last_place is not None else []
        return list(dict.fromkeys(faults))[:_MAX_FAULTS]

    def _lines(self, text: str) -> Iterator[QuotedPlace]:
        """Yield the lines of files that a text names, in order and with repetitions."""
        for token in _TOKEN.finditer(text):
            line = token["said"] or token["after"] or token["inside"]
            path = self._paths.find(token["name"].rstrip(".")) if line and "." in token["name"] else None
            if path is not None:
                yield QuotedPlace(path, int(line))

    def paths(self, text: str) -> list[str]:
        """Return the distinct files whose paths a text contains, in order."""
        return list(dict.fromkeys(place.path for place in self._by_path(text[:MAX_READ])))

    def module(self, dotted: str) -> str | None:
        """Return the file of a Python module by its dotted name; None if none or several match."""
        stem = dotted.replace(".", "/")
        return self._paths.ending(f"{stem}.py") or self._paths.ending(f"{stem}/__init__.py")

    def _by_path(self, text: str) -> Iterator[QuotedPlace]:
        tokens = (
            (token["name"].rstrip("."), token["said"] or token["after"] or token["inside"])
            for token in _TOKEN.finditer(text)
            if token["name"].endswith(".py")
            or not text.startswith("::", token.end())  # else it is a test item
        )
        for name, line in dict.fromkeys(pair for pair in tokens if "." in pair[0]):
            path = self._paths.find(name)
            if path is not None:
                yield QuotedPlace(path, int(line) if line else None)
            elif "/" not in name:
                yield from self._by_module(name)

    def _by_module(self, dotted: str) -> Iterator[QuotedPlace]:
        """Yield the place of `package.module`, or of a name in it."""
        path = self.module(dotted)
        if path is not None:
            yield QuotedPlace(path)
            return
        module, _, name = dotted.rpartition(".")
        path = self.module(module) if module else None
        if path is not None:
            yield QuotedPlace(path, self._definers.get(name, {}).get(path))

    def _by_word(self, text: str) -> Iterator[QuotedPlace]:
        """Yield places of names that only a few files define."""
        for word in _names(text):
            definers = self._definers.get(word, {})
            if len(word) > 2 and len(definers) <= _MAX_DEFINERS:
                yield from (QuotedPlace(path, line) for path, line in definers.items())


def _names(text: str) -> list[str]:
    """Return words that may be names of code: in backticks, called, capitalized in a sentence, or not prose.

    Several words in backticks are a message; names that an example defines are excluded.
    """
    in_backticks = [word for part in _QUOTED.findall(text) if " " not in part for word in _WORD.findall(part)]
    compound = [word for word in _WORD.findall(text) if "_" in word or not word[1:].islower()]
    names = dict.fromkeys([*in_backticks, *_CALLED.findall(text), *compound, *_CAPITAL.findall(text)])
    defined = {name for pair in _DEFINED.findall(text) for name in pair}
    return [name for name in names if name not in defined]
