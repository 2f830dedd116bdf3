"""Called functions: those that shown lines call, and that hold a quoted text or raise a named exception."""

import re
from collections.abc import Iterable, Iterator, Mapping

from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import Definers, DefinitionFacts
from coder.context.docstrings import without_docstrings
from coder.context.quoting import Range
from coder.context.spans import spans

_CALL = re.compile(r"\b([^\W\d]\w+)\(")
_RAISED = re.compile(r"\b(?:raise|throw)\s+(?:new\s+)?([\w.]*[A-Z]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")
_MOST_DEFINERS, _MOST_ASKED, _MOST_CALLED = 2, 60, 2
"""Files that define a called name, called definitions that are looked at, and those that are shown."""


def called(
    ranges: Mapping[QuotedPlace, Range],
    texts: Mapping[str, str],
    facts: Mapping[str, DefinitionFacts],
    definers: Definers,
    *,
    prompt: str,
    literals: Iterable[str],
) -> list[QuotedPlace]:
    """Definitions that visible lines call and that matter to the task, in the order of their calls.

    Args:
        ranges: visible places and their lines.
        prompt: the task; a definition matters if it raises an exception named here.
        literals: texts that the task quotes; a definition matters if it holds one.
    """
    words = set(_WORD.findall(prompt))
    literals = list(literals)
    places: list[QuotedPlace] = []
    for place, (_, last) in list(_definitions(ranges, texts, facts, definers).items())[:_MOST_ASKED]:
        assert place.line is not None
        body = without_docstrings(texts[place.path].splitlines(), place.line, last)
        raised = {name.rpartition(".")[2] for name in _RAISED.findall(body)}
        if raised & words or any(literal in body for literal in literals):
            places.append(place)
    return places[:_MOST_CALLED]


def _definitions(
    ranges: Mapping[QuotedPlace, Range],
    texts: Mapping[str, str],
    facts: Mapping[str, DefinitionFacts],
    definers: Definers,
) -> dict[QuotedPlace, Range]:
    """Lines of each definition that visible lines call, unless it is visible itself."""
    definitions: dict[QuotedPlace, Range] = {}
    for name in dict.fromkeys(_calls(ranges, texts)):
        at = definers.get(name, {})
        for path, line in at.items() if len(at) <= _MOST_DEFINERS else ():
            is_shown = any(
                place.path == path and first <= line <= last for place, (first, last) in ranges.items()
            )
            if path in facts and not is_shown:
                extents = (
                    span.extent for span in spans(texts[path].splitlines(), facts[path]) if span.line == line
                )
                definitions |= {QuotedPlace(path, line): extent for extent in extents}
    return definitions


def _calls(ranges: Mapping[QuotedPlace, Range], texts: Mapping[str, str]) -> Iterator[str]:
    for place, (first, last) in ranges.items():
        yield from _CALL.findall("\n".join(texts[place.path].splitlines()[first - 1 : last]))
