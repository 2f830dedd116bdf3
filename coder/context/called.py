"""Find functions that shown lines call, if they contain a quoted text or raise an exception that is named."""

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
_MAX_DEFINERS, _MAX_EXAMINED, _MAX_CALLED = 2, 60, 2
"""Maximum files that define a called name, definitions to examine, and definitions to return."""


def find_called(
    ranges: Mapping[QuotedPlace, Range],
    texts: Mapping[str, str],
    facts: Mapping[str, DefinitionFacts],
    definers: Definers,
    *,
    prompt: str,
    literals: Iterable[str],
) -> list[QuotedPlace]:
    """Return the definitions that visible lines call and that matter to the task, in order of the calls.

    Args:
        ranges: visible places and their lines.
        prompt: the task; a definition matters if it raises an exception named here.
        literals: texts that the task quotes; a definition matters if it contains one.
    """
    words = set(_WORD.findall(prompt))
    literals = list(literals)
    places: list[QuotedPlace] = []
    for place, (_, last_line) in list(_definitions(ranges, texts, facts, definers).items())[:_MAX_EXAMINED]:
        assert place.line is not None
        body = without_docstrings(texts[place.path].splitlines(), place.line, last_line)
        exceptions = {name.rpartition(".")[2] for name in _RAISED.findall(body)}
        if exceptions & words or any(literal in body for literal in literals):
            places.append(place)
    return places[:_MAX_CALLED]


def _definitions(
    ranges: Mapping[QuotedPlace, Range],
    texts: Mapping[str, str],
    facts: Mapping[str, DefinitionFacts],
    definers: Definers,
) -> dict[QuotedPlace, Range]:
    """Return the lines of each definition that visible lines call, unless it is visible itself."""
    definitions: dict[QuotedPlace, Range] = {}
    for name in dict.fromkeys(_calls(ranges, texts)):
        lines_by_path = definers.get(name, {})
        for path, line in lines_by_path.items() if len(lines_by_path) <= _MAX_DEFINERS else ():
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
