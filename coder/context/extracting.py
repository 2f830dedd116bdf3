"""The process that parses source files. They may be hostile, so it has no secrets and no permissions.

It reports that it is ready when it is confined. Then it reads lines of JSON, [language, text], and answers
with [definitions, words], both separated by blanks; a definition is `name:line`. A text that takes too long
ends the process.
"""

from __future__ import annotations

import ast
import json
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from coder.source.languages import GRAMMARS
from coder.source.python_names import parse_source

if TYPE_CHECKING:
    from tree_sitter import Language

MAX_DEFINITIONS = 2_000
"""Maximum definitions of a file; a file with more was generated. MAX_WORDS is the maximum of words."""
MAX_WORDS = 5_000
MAX_NAME = 80
MEMORY_BYTES = 1 << 30
CPU_S = 120
"""CPU time limit of a reader for all texts."""
TEXT_CPU_S = 0.5
"""CPU time limit for one text: parsing may take quadratic time, and tree-sitter's own timeouts crash."""

_WORD = re.compile(r"[^\W\d]\w{2,79}")
Defined = list[tuple[str, int]]
"""Names with their line numbers, from 1."""


def main(languages: Sequence[str]) -> None:
    """Answer requests until the input ends."""
    readers = {language: reader_of(language) for language in languages}
    give_up_everything()
    say("ready")
    for line in sys.stdin.buffer:
        language, text = json.loads(line)
        set_timer(TEXT_CPU_S)
        facts = _facts(readers.get(language), text)
        set_timer(0)
        say(facts)


def say(answer: object) -> None:
    """Write an answer as one line of JSON."""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def set_timer(seconds: float) -> None:
    """End this process after this much more CPU time; 0 removes the limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)  # without a handler, SIGPROF ends the process


def reader_of(language: str) -> Callable[[str], Defined] | None:
    """Return the function that finds the definitions of a language; None if no parser is installed."""
    try:
        return _by_grammar(*GRAMMARS[language].load())
    except ImportError:
        return by_ast if language == "python" else None


def by_ast(text: str) -> Defined:
    """Return the definitions in Python source by Python's parser; empty if it is invalid."""
    tree = parse_source(text)
    if tree is None:
        return []
    definitions: Defined = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            definitions.append((node.name, node.lineno))
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            definitions += [(target.id, target.lineno) for target in targets if isinstance(target, ast.Name)]
    return definitions


def give_up_everything() -> None:
    """Give up everything that a parser doesn't need: files, sockets, other programs, unlimited memory.

    A grammar is a large unverified C program. A file that exploits it gets a process without secrets.
    Raises OSError: the confinement failed, so nothing may be parsed.
    """
    if sys.platform != "linux":
        return
    from sandbox import confine  # its modules don't exist on other systems

    sys.setrecursionlimit(1_000)
    confine(memory_bytes=MEMORY_BYTES, cpu_s=CPU_S)


def _by_grammar(language: Language, query: str) -> Callable[[str], Defined]:
    from tree_sitter import Parser, Query, QueryCursor

    parser, tag_query = Parser(language), Query(language, query)

    def read(text: str) -> Defined:
        source = text.encode("utf-8", "replace")
        definitions: set[tuple[str, int]] = set()
        for _, captures in QueryCursor(tag_query).matches(parser.parse(source).root_node):
            if any(capture.startswith("definition") for capture in captures):
                for node in captures.get("name", []):
                    name = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
                    definitions.add((name, node.start_point.row + 1))
        return list(definitions)

    return read


def _facts(reader: Callable[[str], Defined] | None, text: str) -> tuple[str, str]:
    pairs = sorted(reader(text) if reader is not None else [], key=lambda pair: (pair[1], pair[0]))
    definitions = [(name, line) for name, line in pairs if _is_name(name)][:MAX_DEFINITIONS]
    words = sorted(set(_WORD.findall(text)))[:MAX_WORDS]
    return " ".join(f"{name}:{line}" for name, line in definitions), " ".join(words)


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= MAX_NAME and ":" not in name and not any(character.isspace() for character in name)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
