"""Named code: the identifiers and the literal texts that a task quotes.

What stands in backticks, in quotes, in a block of code, or is the name of a test, means the code itself;
the words around it are prose.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coder.context.best_places import QuotedPlace
from coder.context.docstrings import is_in_docstring

_BLOCK = re.compile(r"^[ \t]*(`{3,})[^\n]*\n(.*?)^[ \t]*\1|^(?: {4}|\t)([^\n]*)$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]{2,80})`|\"([^\"\n]{2,80})\"|(?<!\w)'([^'\n]{2,80})'(?!\w)")
_TEST = re.compile(r"\btest_(\w+)")
_OWN = re.compile(r"^[ \t>.+-]*(?:def|class)[ \t]+(\w+)|^[ \t>.+-]*(\w+)[ \t]*=(?!=)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_NAME = re.compile(r"\W?[\w.]+(?:\(.*\))?")
"""A name, which may have a sign before it."""
_DOTTED = re.compile(r"[\w.]+(?:\(.*\))?")
"""A name, or a call of it: no literal text."""
_MOST_LITERALS = 20
_MOST_HITS, _MOST_FOUND = 4, 4
"""Lines that hold a literal text, if it is to tell anything, and those that are shown of all literals."""


@dataclass(frozen=True, slots=True)
class NamedCode:
    """What a text names of code."""

    identifiers: frozenset[str]
    """Names in its quoted parts and blocks of code, and of tests without `test_`."""
    pointed: frozenset[str]
    """Those of tests and in backticks: others may be the example's own, or values."""
    literals: tuple[str, ...]
    """Quoted texts that are no names, such as `%f` or a message, in order."""


def named_code(text: str) -> NamedCode:
    """Find what a text names of code, without the names that only its examples define."""
    blocks = "\n".join("".join(groups[1:]) for groups in _BLOCK.findall(text))
    quoted = _QUOTED.findall(_BLOCK.sub("", text))
    own = {name for pair in _OWN.findall(blocks) for name in pair}
    names = {
        word for parts in quoted for part in parts if _NAME.fullmatch(part) for word in _WORD.findall(part)
    }
    ticked = {word for part, *_ in quoted if _NAME.fullmatch(part) for word in _WORD.findall(part)}
    tests = set(_TEST.findall(text))
    literals = [part.strip() for parts in quoted for part in parts if not _DOTTED.fullmatch(part)]
    return NamedCode(
        frozenset((names | set(_WORD.findall(blocks)) - own) | tests),
        frozenset(({name.removeprefix("test_") for name in ticked} - own) | tests),
        tuple(dict.fromkeys(filter(None, literals)))[:_MOST_LITERALS],
    )


def _names(quoted: Iterable[str]) -> set[str]:
    return {word for part in quoted if _NAME.fullmatch(part) for word in _WORD.findall(part)}


def lines_with(literals: Iterable[str], texts: Mapping[str, str]) -> list[QuotedPlace]:
    """Lines of code that hold one of these rare literal texts, the rarest first.

    Args:
        texts: text of each file to search, by path.
    """
    groups: list[list[QuotedPlace]] = []
    for literal in literals:
        places: list[QuotedPlace] = []
        for path, text in texts.items():
            if literal in text:
                lines = text.splitlines()
                hits = [n for n, line in enumerate(lines, 1) if literal in line]
                places += [QuotedPlace(path, n) for n in hits if not is_in_docstring(lines, n)]
            if len(places) > _MOST_HITS:
                break
        else:
            groups.append(places)
    return list(dict.fromkeys(place for places in sorted(groups, key=len) for place in places))[:_MOST_FOUND]
