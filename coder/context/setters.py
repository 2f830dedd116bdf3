"""Where attributes are set: the lines that give a value to what shown code reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import DefinitionFacts
from coder.context.quoting import Range

_READ = re.compile(r"\.([^\W\d]\w+)\b(?!\s*(?:\(|=(?!=)))")
_MOST_SETTERS = 4
"""Places that set an attribute; one that is set in more tells nothing."""
_MOST_FILES, _MOST_ASKED = 40, 3_000
"""Files that are searched, and files whose words are compared."""
_MOST_PLACES = 12


def setters(
    visible_places: Iterable[QuotedPlace],
    extents: Mapping[QuotedPlace, Range],
    texts: Mapping[str, str],
    facts: Mapping[str, DefinitionFacts],
    near: Sequence[str],
) -> list[QuotedPlace]:
    """Places that set or define attributes read by visible lines, the attributes set least often first.

    Args:
        visible_places: places whose lines read attributes.
        extents: their lines.
        near: paths of the files to search first, the nearest first.
    """
    read: dict[str, None] = {}
    for place in visible_places:
        if place in extents:
            first, last = extents[place]
            text = "\n".join(texts[place.path].splitlines()[first - 1 : last])
            read |= dict.fromkeys(_READ.findall(text))
    if not read:
        return []
    names = "|".join(map(re.escape, read))
    sets = re.compile(
        rf"^\s*(?:(?:self|cls)\.({names})\b[^=\n]*=(?!=)|({names})\s*(?::[^=\n]+)?=(?!=)|def ({names})\()"
    )
    places: dict[str, list[QuotedPlace]] = {}
    holders = (
        path
        for path in islice(dict.fromkeys([*near, *facts]), _MOST_ASKED)
        if path in facts and any(f" {name} " in f" {facts[path].words} " for name in read)
    )
    for path in islice(holders, _MOST_FILES):
        for n, line in enumerate(texts[path].splitlines(), 1):
            if match := sets.match(line):
                name = next(filter(None, match.groups()))
                places.setdefault(name, []).append(QuotedPlace(path, n))
    telling = sorted((at for at in places.values() if len(at) <= _MOST_SETTERS), key=len)
    return [place for at in telling for place in at][:_MOST_PLACES]
