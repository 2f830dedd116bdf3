"""The process that tells whether an edit broke a file's syntax: it parses hostile text, so it may do nothing.

It says that it is ready when it can do no harm any more. Then one line of JSON comes in for each file,
[language, before, after, first, last], with the lines that an edit changed; one goes out: [line, words] where
the edit broke it, else null. Grammars lag behind their languages, so a doubt tells nothing: a file that had
an error before isn't judged, and an error counts only where the edit was, or where brackets don't match any
more.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from coder.context.extracting import MOST_CPU_S, give_up_everything, say, set_timer
from coder.source.languages import GRAMMARS

if TYPE_CHECKING:
    from tree_sitter import Node

_NEAR = 1
"""Lines around an edit where an error is still its own."""
_PAIRS = (("{", "}"), ("(", ")"), ("[", "]"))
_OPENING = {"${": "{", "#{": "{"}
"""Tokens that a bracket of the usual kind closes."""
Fault = tuple[int, str]
"""A line, which begins at 1, and what is wrong there."""


def main(languages: Sequence[str]) -> None:
    """Answer until the input ends."""
    parsers = {language: _parser_of(language) for language in languages}
    give_up_everything()
    say("ready")
    for question in sys.stdin.buffer:
        language, before, after, first, last = json.loads(question)
        parse = parsers.get(language)
        set_timer(MOST_CPU_S)
        fault = fault_of(parse, before, after, lines=(first, last)) if parse is not None else None
        set_timer(0)
        say(fault)


def _parser_of(language: str) -> Callable[[bytes], Node] | None:
    try:
        from tree_sitter import Parser

        parser = Parser(GRAMMARS[language].load())
    except ImportError:
        return None
    return lambda source: parser.parse(source).root_node


def fault_of(
    parse: Callable[[bytes], Node], before: str, after: str, *, lines: tuple[int, int]
) -> Fault | None:
    """What an edit broke; None where it broke nothing, or that isn't sure.

    Args:
        lines: first and last line of `after` that the edit changed.
    """
    was = parse(before.encode("utf-8", "replace"))
    if was.has_error:
        return None
    now = parse(after.encode("utf-8", "replace"))
    if not now.has_error:
        return None
    first, last = lines
    near = [
        node for node in _errors(now) if _lines(node)[0] <= last + _NEAR and _lines(node)[1] >= first - _NEAR
    ]
    if not near:
        return _unmatched(was, now, first)
    least = min(near, key=lambda node: _lines(node)[1] - _lines(node)[0])
    missing = least.is_missing and not least.is_named
    words = f"`{least.type}` is missing" if missing else "the grammar has no place for this"
    return min(max(_lines(least)[0], first), max(first, last)), words


def _lines(node: Node) -> tuple[int, int]:
    return node.start_point.row + 1, node.end_point.row + 1


def _errors(root: Node) -> Iterator[Node]:
    """Nodes that stand for what can't be read, and for what should be there, in the order of the text."""
    left = [root]
    while left:
        node = left.pop()
        if node.is_error or node.is_missing:
            yield node
        if node.has_error:
            left += reversed(node.children)


def _unmatched(was: Node, now: Node, line: int) -> Fault | None:
    """Brackets that all matched before, and don't now."""
    before, after = _brackets(was), _brackets(now)
    for opening, closing in _PAIRS:
        if before[opening] == before[closing] and after[opening] != after[closing]:
            return line, f"{after[opening]} `{opening}` and {after[closing]} `{closing}` are in the file now"
    return None


def _brackets(root: Node) -> Counter[str]:
    """How many of each bracket are in the code; those that only stand for what is missing aren't there."""
    found: Counter[str] = Counter()
    left = [root]
    while left:
        node = left.pop()
        if node.child_count:
            left += node.children
        elif not node.is_missing:
            found[_OPENING.get(node.type, node.type)] += 1
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
