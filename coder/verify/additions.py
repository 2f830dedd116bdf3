"""The names, parameters and modules that a change adds to a project's Python code. Pure."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from pydantic import BaseModel

from coder.source.python_names import parse_source


class Additions(BaseModel, frozen=True):
    """What the code has with a change, and hasn't without it."""

    names: frozenset[str] = frozenset()
    """Functions, classes, variables and attributes."""
    modules: frozenset[str] = frozenset()
    """Dotted names, relative to any folder."""
    parameters: dict[str, frozenset[str]] = {}
    """By the name that is called: a function's, or a class's."""
    positional: dict[str, int] = {}
    """Most positional arguments that these took before the change."""


def find_additions(before: Mapping[str, str], after: Mapping[str, str]) -> Additions:
    """Compare the sources of files, by path; what can't be parsed adds nothing."""
    names: set[str] = set()
    modules: set[str] = set()
    parameters: dict[str, frozenset[str]] = {}
    positional: dict[str, int] = {}
    for path, text in after.items():
        now, old = parse_source(text), parse_source(before.get(path, ""))
        if now is None or old is None or not path.endswith(".py"):
            continue
        names |= set(_bound(now)) - set(_bound(old))
        if path not in before:
            modules |= _modules_of(path)
        signatures = dict(_signatures(old))
        for function, (parameter_names, _) in _signatures(now):
            new = parameter_names - signatures[function][0] if function in signatures else frozenset()
            if new:
                parameters[function] = parameters.get(function, frozenset()) | new
                positional[function] = max(positional.get(function, 0), signatures[function][1])
    return Additions(
        names=frozenset(names), modules=frozenset(modules), parameters=parameters, positional=positional
    )


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines anywhere, as a name or as an attribute."""
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
    """What is called, its parameters, and how many of them are positional."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            fields = [
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
            yield node.name, (frozenset(fields), len(fields))  # of a dataclass or a model
            yield from _signatures(node, node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            placed = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            placed = placed[1:] if owner and placed[:1] in (["self"], ["cls"]) else placed
            every = frozenset((*placed, *(one.arg for one in node.args.kwonlyargs)))
            is_made = owner and node.name in ("__init__", "__new__")
            yield owner if is_made else node.name, (every, len(placed))
        else:
            yield from _signatures(node, owner)


def _modules_of(path: str) -> set[str]:
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return {".".join(parts[i:]) for i in range(len(parts))}
