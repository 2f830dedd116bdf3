"""Find the names, parameters and modules that a change adds to a project's code. Pure."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, PlainSerializer

from coder.run.message import CheckLine
from coder.source.languages import language_of
from coder.source.python_names import parse_source

_WORD = re.compile(r"[^\W\d]\w*")

Names = Annotated[frozenset[str], PlainSerializer(sorted, when_used="json")]
"""Names, in JSON by alphabet: a set has another order in each process."""


class Additions(BaseModel, frozen=True):
    """Names that the code has with a change and lacks without it."""

    names: Names = frozenset()
    """Names of functions, classes, variables and attributes."""
    modules: Names = frozenset()
    """Dotted names of modules, relative to any folder."""
    parameters: dict[str, Names] = {}
    """New parameters, by the name of the function or class."""
    positional: dict[str, int] = {}
    """Number of positional parameters before the change, by the name of the function or class."""
    words: Names = frozenset()
    """Words of source files in other languages than Python."""


def find_additions(before: Mapping[str, str], after: Mapping[str, str]) -> Additions:
    """Return what `after` adds to `before`, sources by path; files that don't parse add nothing."""
    names: set[str] = set()
    modules: set[str] = set()
    words: set[str] = set()
    parameters: dict[str, frozenset[str]] = {}
    positional: dict[str, int] = {}
    for path, text in after.items():
        if language_of(path) not in (None, "python"):
            words |= {*_WORD.findall(text)} - {*_WORD.findall(before.get(path, ""))}
            continue
        new_tree, old_tree = parse_source(text), parse_source(before.get(path, ""))
        if new_tree is None or old_tree is None or not path.endswith(".py"):
            continue
        names |= set(_defined_names(new_tree)) - set(_defined_names(old_tree))
        if path not in before:
            modules |= _modules_of(path)
        signatures = dict(_signatures(old_tree))
        for function, (parameter_names, _) in _signatures(new_tree):
            new_parameters = (
                parameter_names - signatures[function][0] if function in signatures else frozenset()
            )
            if new_parameters:
                parameters[function] = parameters.get(function, frozenset()) | new_parameters
                positional[function] = max(positional.get(function, 0), signatures[function][1])
    return Additions(
        names=frozenset(names),
        modules=frozenset(modules),
        parameters=parameters,
        positional=positional,
        words=frozenset(words),
    )


def find_tests_lacking_names(
    lines: Sequence[CheckLine],
    names: Collection[str],
    *,
    tests: Mapping[str, str | None],
    words: Collection[str],
) -> frozenset[str]:
    """Return the tests that fail without a change because they use a name that it adds.

    Such a failure's first place in the project is a line of the tests with such a name: a compiler's error,
    or a call of what doesn't exist. If it keeps tests from the report, they count as lacking the name, too.

    Args:
        lines: the results on the code before the change.
        names: tests that pass with the change.
        tests: the change's own test files, by path.
        words: what the change adds to files of the code, from `Additions`.
    """
    lacking = {line.name for line in lines if not line.passed and _uses(line, tests, words)}
    reported = {line.name for line in lines}
    return frozenset(lacking.union(name for name in names if lacking and name not in reported))


def _uses(line: CheckLine, tests: Mapping[str, str | None], words: Collection[str]) -> bool:
    """Whether a failure's place is a line of the tests that holds one of these words."""
    if (line.path or "").endswith(".py"):  # the exception itself tells, inside the sandbox
        return False
    source = (tests.get(line.path or "") or "").splitlines()
    place = line.line or 0
    return 0 < place <= len(source) and not {*_WORD.findall(source[place - 1])}.isdisjoint(words)


def _defined_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module defines anywhere, as a name or as an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]


def _signatures(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, tuple[frozenset[str], int]]]:
    """Yield the name of each callable, its parameters, and how many of them are positional."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            fields = [
                statement.target.id
                for statement in node.body
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            ]
            yield node.name, (frozenset(fields), len(fields))  # the parameters of a dataclass or a model
            yield from _signatures(node, node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            positional = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
            positional = positional[1:] if owner and positional[:1] in (["self"], ["cls"]) else positional
            all_parameters = frozenset((*positional, *(parameter.arg for parameter in node.args.kwonlyargs)))
            is_constructor = owner and node.name in ("__init__", "__new__")
            yield owner if is_constructor else node.name, (all_parameters, len(positional))
        else:
            yield from _signatures(node, owner)


def _modules_of(path: str) -> set[str]:
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return {".".join(parts[start:]) for start in range(len(parts))}
