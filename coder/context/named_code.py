"""Find the identifiers and literal texts that a task quotes.

Text in backticks, quotes or code blocks, and names of tests, are code; the other words are prose.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coder.context.best_places import QuotedPlace
from coder.context.docstrings import is_in_docstring

_BLOCK = re.compile(r"^[ \t]*(`{3,})[^\n]*\n(.*?)^[ \t]*\1|^(?: {4}|\t)([^\n]*)$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]{2,80})`|\"([^\"\n]{2,80})\"|(?<!\w)'([^'\n]{2,80})'(?!\w)")
_TEST = re.compile(r"\btest_(\w+)")
_DEFINED = re.compile(r"^[ \t>.+-]*(?:def|class)[ \t]+(\w+)|^[ \t>.+-]*(\w+)[ \t]*=(?!=)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_NAME = re.compile(r"\W?[\w.]+(?:\(.*\))?")
"""A name, perhaps with a sign before it."""
_DOTTED = re.compile(r"[\w.]+(?:\(.*\))?")
"""A name or a call, which is no literal text."""
_MAX_LITERALS = 20
_MAX_HITS, _MAX_LINES = 4, 4
"""A literal in more lines than this is ignored; show at most this many lines of all literals."""


@dataclass(frozen=True, slots=True)
class NamedCode:
    """The code that a text names."""

    identifiers: frozenset[str]
    """Names in quoted parts and code blocks, and names of tests without `test_`."""
    pointed: frozenset[str]
    """Names of tests and names in backticks; other names may be values or defined by an example."""
    literals: tuple[str, ...]
    """Quoted texts that are no names, such as `%f` or a message, in order."""


def named_code(text: str) -> NamedCode:
    """Return the code that a text names, without names that only its examples define."""
    blocks = "\n".join("".join(groups[1:]) for groups in _BLOCK.findall(text))
    quoted_parts = _QUOTED.findall(_BLOCK.sub("", text))
    example_names = {name for pair in _DEFINED.findall(blocks) for name in pair}
    names = {
        word
        for parts in quoted_parts
        for part in parts
        if _NAME.fullmatch(part)
        for word in _WORD.findall(part)
    }
    backtick_names = {
        word for part, *_ in quoted_parts if _NAME.fullmatch(part) for word in _WORD.findall(part)
    }
    tests = set(_TEST.findall(text))
    literals = [part.strip() for parts in quoted_parts for part in parts if not _DOTTED.fullmatch(part)]
    return NamedCode(
        frozenset((names | set(_WORD.findall(blocks)) - example_names) | tests),
        frozenset(({name.removeprefix("test_") for name in backtick_names} - example_names) | tests),
        tuple(dict.fromkeys(filter(None, literals)))[:_MAX_LITERALS],
    )


def _names(quoted: Iterable[str]) -> set[str]:
    return {word for part in quoted if _NAME.fullmatch(part) for word in _WORD.findall(part)}


def lines_with(literals: Iterable[str], texts: Mapping[str, str]) -> list[QuotedPlace]:
    """Return the lines of code that contain one of these literal texts, the rarest first.

    Args:
        texts: text of each file to search, by path.
    """
    groups: list[list[QuotedPlace]] = []
    for literal in literals:
        places: list[QuotedPlace] = []
        for path, text in texts.items():
            if literal in text:
                lines = text.splitlines()
                hits = [number for number, line in enumerate(lines, 1) if literal in line]
                places += [QuotedPlace(path, number) for number in hits if not is_in_docstring(lines, number)]
            if len(places) > _MAX_HITS:
                break
        else:
            groups.append(places)
    return list(dict.fromkeys(place for places in sorted(groups, key=len) for place in places))[:_MAX_LINES]
