"""Find the names, parameters and modules that a change adds to a project's Python code. Pure."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, PlainSerializer

from coder.source.python_names import parse_source

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


def find_additions(before: Mapping[str, str], after: Mapping[str, str]) -> Additions:
    """Return what `after` adds to `before`, sources by path; files that don't parse add nothing."""
    names: set[str] = set()
    modules: set[str] = set()
    parameters: dict[str, frozenset[str]] = {}
    positional: dict[str, int] = {}
    for path, text in after.items():
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
        names=frozenset(names), modules=frozenset(modules), parameters=parameters, positional=positional
    )


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
