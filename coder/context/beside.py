"""Beside a place: the definition around it, functions and constants of its file that it uses, its tests."""

import re
from collections.abc import Iterable, Iterator, Mapping

from coder.context.best import Span, spans
from coder.context.best_places import Place
from coder.context.definition_facts import Facts
from coder.context.quoting import Range
from coder.context.shown_files import around

_MOST_AROUND = 60
"""Lines of a class or function that is shown for a place in it."""
_MOST_HELPERS = 3
"""Of one function."""
_MOST_CONSTANTS = 5
"""Of one function, such as the regular expressions that it uses."""
_MOST_LINES = 30
"""Of a helper or a test."""
_SHORTEST_NAME = 4
"""Of a function whose tests are looked for: a shorter one could be anything's."""
_CALLED = re.compile(r"([^\W\d]\w*)\(")
_USED = re.compile(r"[^\W\d]\w*")
_CONSTANT = re.compile(r"(?:export |const |let |var |static )*[^\W\d]\w*\s*(?::[^=]*)?=(?!=)")


class Beside:
    """Finds what belongs to places of one repository."""

    def __init__(self, facts: Mapping[str, Facts], texts: Mapping[str, str]) -> None:
        self._facts = facts
        self._texts = texts
        self._known: dict[str, tuple[list[str], list[Span]]] = {}

    def definitions(self, places: Iterable[Place]) -> dict[Place, Range]:
        """The lines of the definition around each place, the outermost that isn't long.

        Of a long class that is a place itself, what stands above its first method.
        """
        found: dict[Place, Range] = {}
        for place in places:
            if place.line is None:
                continue
            every = self._around(place)
            brief = (span.extent for span in every if span.extent[1] - span.extent[0] < _MOST_AROUND)
            found[place] = next(brief, _own(every[-1]) if every else around(place.line))
        return found

    def helpers(self, places: Iterable[Place]) -> dict[Place, Range]:
        """The functions that the definitions at these places call, and constants that they use, of a file."""
        found: dict[Place, Range] = {}
        for path, span in self._named(places):
            lines, every = self._spans(path)
            text = "\n".join(lines[span.extent[0] - 1 : span.extent[1]])
            beside = {one.name: one for one in every if not span.extent[0] <= one.line <= span.extent[1]}
            constants = {name for name, one in beside.items() if _CONSTANT.match(lines[one.line - 1])}
            called = [name for name in dict.fromkeys(_CALLED.findall(text)) if name in beside]
            used = [name for name in dict.fromkeys(_USED.findall(text)) if name in constants]
            for name in (*called[:_MOST_HELPERS], *used[:_MOST_CONSTANTS]):
                found[Place(path, beside[name].line)] = short(beside[name].extent)
        return found

    def tests(self, places: Iterable[Place], paths: Iterable[str]) -> dict[Place, Range]:
        """For each of these definitions the test that names it, one that is called after it before others.

        Args:
            paths: of files that hold tests.
        """
        words = {path: set(self._facts[path].words.split()) for path in paths if path in self._facts}
        found: dict[Place, Range] = {}
        for _, span in self._named(places):
            if len(span.name) < _SHORTEST_NAME or span.name.startswith("__"):
                continue
            naming = [(p, one) for p in words if span.name in words[p] for one in self._naming(span.name, p)]
            after = [(p, one) for p, one in naming if span.name.strip("_") in one.name]
            for path, one in (after or naming)[:1]:
                found[Place(path, one.line)] = short(one.extent)
        return found

    def _named(self, places: Iterable[Place]) -> Iterator[tuple[str, Span]]:
        """The innermost definition at each place, with its path."""
        for place in places:
            if found := self._around(place):
                yield place.path, found[-1]

    def _around(self, place: Place) -> list[Span]:
        """The definitions around a place as far as they are shown, the outermost first."""
        every = self._spans(place.path)[1] if place.line is not None else []
        return [span for span in every if span.name and span.extent[0] <= (place.line or 0) <= span.extent[1]]

    def _naming(self, name: str, path: str) -> Iterator[Span]:
        """The definitions of a file with a name in their own lines, not in those of definitions inside."""
        lines, every = self._spans(path)
        word = re.compile(rf"\b{re.escape(name)}\b")
        for span in every:
            if span.name and word.search("\n".join(lines[span.line - 1 : span.after - 1])):
                yield span

    def _spans(self, path: str) -> tuple[list[str], list[Span]]:
        if path not in self._known:
            lines = self._texts[path].splitlines()
            self._known[path] = lines, spans(lines, self._facts[path]) if path in self._facts else []
        return self._known[path]


def _own(span: Span) -> Range:
    """The lines of a definition before the first inside of it."""
    return span.extent[0], max(span.line, min(span.extent[1], span.after - 1))


def short(extent: Range) -> Range:
    """As many lines of a helper or a test as are shown."""
    return extent[0], min(extent[1], extent[0] + _MOST_LINES - 1)
