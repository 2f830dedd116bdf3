"""Find the lines that set attributes which shown code reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import DefinitionFacts
from coder.context.quoting import Range

_READ_ATTRIBUTE = re.compile(r"\.([^\W\d]\w+)\b(?!\s*(?:\(|=(?!=)))")
_MAX_SETTERS = 4
"""Attributes that are set in more places are ignored."""
_MAX_FILES, _MAX_CHECKED = 40, 3_000
"""Maximum files to search, and files to check for the names."""
_MAX_PLACES = 12


def setters(
    visible_places: Iterable[QuotedPlace],
    extents: Mapping[QuotedPlace, Range],
    texts: Mapping[str, str],
    facts: Mapping[str, DefinitionFacts],
    near: Sequence[str],
) -> list[QuotedPlace]:
    """Return places that set or define attributes read by visible lines, rarely set attributes first.

    Args:
        visible_places: places whose lines read attributes.
        extents: the lines of these places.
        near: paths of the files to search first, the nearest first.
    """
    attributes: dict[str, None] = {}
    for place in visible_places:
        if place in extents:
            first, last = extents[place]
            text = "\n".join(texts[place.path].splitlines()[first - 1 : last])
            attributes |= dict.fromkeys(_READ_ATTRIBUTE.findall(text))
    if not attributes:
        return []
    names = "|".join(map(re.escape, attributes))
    setter = re.compile(
        rf"^\s*(?:(?:self|cls)\.({names})\b[^=\n]*=(?!=)|({names})\s*(?::[^=\n]+)?=(?!=)|def ({names})\()"
    )
    places: dict[str, list[QuotedPlace]] = {}
    holders = (
        path
        for path in islice(dict.fromkeys([*near, *facts]), _MAX_CHECKED)
        if path in facts and any(f" {name} " in f" {facts[path].words} " for name in attributes)
    )
    for path in islice(holders, _MAX_FILES):
        for number, line in enumerate(texts[path].splitlines(), 1):
            if match := setter.match(line):
                name = next(filter(None, match.groups()))
                places.setdefault(name, []).append(QuotedPlace(path, number))
    rare_setters = sorted((group for group in places.values() if len(group) <= _MAX_SETTERS), key=len)
    return [place for group in rare_setters for place in group][:_MAX_PLACES]
