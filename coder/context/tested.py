"""Tested: the definitions that a failing test uses. Where it only compares, no traceback leads to them."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from coder.context.best_places import Place
from coder.context.definition_facts import Definers
from coder.context.excerpts import Range
from coder.source.python_names import parse_source

MOST = 8
"""Definitions that are shown; a test that uses more is about all of them."""
_MOST_DEFINERS = 2
"""Files that define a name, if it is to say which of them is meant."""
_MOST_LINES = 100
"""Of one definition."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def tested(
    named: Sequence[Place],
    texts: Mapping[str, str],
    definers: Definers,
    *,
    tests: Collection[str],
    imported: Collection[str],
) -> dict[Place, Range]:
    """Where the code defines what the named lines of Python tests use, with the lines of each definition.

    What a test takes from a module comes before methods and words that could be anyone's.

    Args:
        named: places that a failure names.
        tests: paths that hold tests.
        imported: paths that those tests import.
    """
    found: dict[Place, Range] = {}
    trees = {path: parse_source(texts[path]) for path in {p.path for p in named if _is_in(p, tests)}}
    uses = [(trees[p.path], p.line) for p in named if p.line is not None and p.path in trees]
    words = [pair for tree, line in uses if tree is not None for pair in _used(tree, line)]
    for word in dict.fromkeys(word for word, _ in sorted(words, key=lambda pair: not pair[1])):
        for path, line in _defined(word, definers, tests, imported).items():
            if len(found) < MOST:
                found[Place(path, line)] = _extent(texts[path], path, line)
    return found


def _is_in(place: Place, tests: Collection[str]) -> bool:
    return place.line is not None and place.path in tests and place.path.endswith(".py")


def _used(tree: ast.Module, line: int) -> Iterator[tuple[str, bool]]:
    """Names in the function around a line, and whether each is taken from what the test file imports."""
    taken = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    around = next(_around(tree, line), None)
    for node in ast.walk(around) if around is not None else ():
        if isinstance(node, ast.Name):
            yield node.id, node.id in taken
        elif isinstance(node, ast.Attribute):
            yield node.attr, isinstance(node.value, ast.Name) and node.value.id in taken


def _around(tree: ast.AST, line: int) -> Iterator[ast.AST]:
    """The functions around a line, the outermost first."""
    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.lineno <= line <= (node.end_lineno or node.lineno):
            yield node


def _defined(
    word: str, definers: Definers, tests: Collection[str], imported: Collection[str]
) -> dict[str, int]:
    """The files of the code that define a word, with the line; none where nothing says which of many."""
    at = {path: line for path, line in definers.get(word, {}).items() if path not in tests}
    at = {
        path: line for path, line in at.items() if not (path.endswith("i") and path[:-1] in at)
    }  # its stubs
    own = {path: line for path, line in at.items() if path in imported}
    return own or (at if len(at) <= _MOST_DEFINERS else {})


def _extent(text: str, path: str, line: int) -> Range:
    """The lines of a definition, as many as are shown of one."""
    tree = parse_source(text) if path.endswith(".py") else None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, _Function | ast.ClassDef) and node.lineno == line:
            first = min((decorator.lineno for decorator in node.decorator_list), default=line)
            return first, min(node.end_lineno or line, first + _MOST_LINES - 1)
    return line - 3, line + _MOST_LINES // 2
