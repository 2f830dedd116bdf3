"""The process that reads source files: it parses what nobody has looked at, so it holds and may do nothing.

It says that it is ready when it can do no harm any more. Then one line of JSON comes in for each batch, a
list of [language, text], and one goes out, a list of [definitions, words]: definitions are `name:line` with
blanks between, words are all names in the text.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import TYPE_CHECKING

from coder.context.languages import GRAMMARS, without_prose

if TYPE_CHECKING:
    from tree_sitter import Language

MOST_DEFINITIONS = 2_000
"""Of one file, and words below: a file with more was written by a program."""
MOST_WORDS = 5_000
LONGEST_NAME = 80
MOST_CPU_S = 0.3
"""For one file: some texts take a parser the square of their length."""
_DEEPEST = 100
"""Nodes of the syntax tree above a definition."""
_PIECE = 64 << 10

_WORD = re.compile(r"[^\W\d]\w{2,79}")
Defined = list[tuple[str, int]]
"""Names with the number of their line, which begins at 1."""


def main(languages: Sequence[str]) -> None:
    """Answer batches until the input ends."""
    readers = {language: reader_of(language) for language in languages}
    confine()
    _say("ready")
    for line in sys.stdin.buffer:
        answers = [_facts(readers.get(language), language, text) for language, text in json.loads(line)]
        _say(answers)


def _say(answer: object) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def reader_of(language: str) -> Callable[[str], Defined] | None:
    """What finds the definitions of a language; None where nothing is installed that could."""
    try:
        return _by_grammar(GRAMMARS[language].load(), GRAMMARS[language].query)
    except ImportError:
        return by_ast if language == "python" else None


def by_ast(text: str) -> Defined:
    """Definitions of Python source, found with Python's own parser; none where it doesn't parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: Defined = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append((node.name, node.lineno))
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found += [(target.id, target.lineno) for target in targets if isinstance(target, ast.Name)]
    return found


def confine() -> None:
    """Give up what a parser doesn't need: memory without end, files, sockets, other programs."""
    if sys.platform != "linux":
        return
    from coder.context.confining import give_up_everything

    give_up_everything()


def _by_grammar(language: Language, query: str) -> Callable[[str], Defined]:
    from tree_sitter import Parser, Query, QueryCursor

    parser, definitions = Parser(language), Query(language, query)

    def read(text: str) -> Defined:
        source = text.encode("utf-8", "replace")
        end = process_time() + MOST_CPU_S
        try:
            tree = parser.parse(
                lambda offset, _: source[offset : offset + _PIECE],
                progress_callback=lambda offset, has_error: process_time() > end,
            )
        except ValueError:  # its words for: cancelled
            parser.reset()
            return []
        cursor = QueryCursor(definitions)
        # Looking costs the square of the depth, and nobody defines things so deep.
        cursor.set_max_start_depth(_DEEPEST)
        nodes = cursor.captures(tree.root_node).get("name", [])
        return [
            (source[node.start_byte : node.end_byte].decode("utf-8", "replace"), node.start_point.row + 1)
            for node in nodes
        ]

    return read


def _facts(reader: Callable[[str], Defined] | None, language: str, text: str) -> tuple[str, str]:
    found = sorted(reader(text) if reader is not None else [], key=lambda pair: pair[1])
    named = [(name, line) for name, line in found if _is_name(name)][:MOST_DEFINITIONS]
    words = sorted(set(_WORD.findall(without_prose(language, text))))[:MOST_WORDS]
    return " ".join(f"{name}:{line}" for name, line in named), " ".join(words)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and ":" not in name and not any(c.isspace() for c in name)


if __name__ == "__main__":
    main(sys.argv[1:])
