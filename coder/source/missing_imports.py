"""Imports that a function lacks, taken from the standard library by the names that it uses.

A model that goes on behind a function's head has no place left for an import, and writes `math.pi` all the
same. Only a name that would end in a NameError is looked for: what is bound anywhere stays as it is.
"""

import ast
import importlib
import sys
from functools import cache

from coder.source.python_names import free_names, parse_source

_HOMES = (
    "collections",
    "typing",
    "itertools",
    "functools",
    "math",
    "heapq",
    "bisect",
    "copy",
    "string",
    "dataclasses",
    "statistics",
    "fractions",
    "decimal",
    "datetime",
    "random",
)
"""Where a name is looked for that is used by itself: the first that has it."""


def with_imports(source: str) -> str:
    """The source with an import of each name that it uses, doesn't bind, and the standard library has."""
    tree = parse_source(source)
    if tree is None:
        return source
    needed = [line for name in free_names(source) if (line := _import(name, tree)) is not None]
    if not needed:
        return source
    lines = source.splitlines(keepends=True)
    place = _place(tree)
    behind = [] if place else ["\n", "\n"]
    return "".join(
        [*lines[:place], *(f"{line}\n" for line in sorted(needed, key=_order)), *behind, *lines[place:]]
    )


def _import(name: str, tree: ast.Module) -> str | None:
    """A statement that binds the name as the source uses it."""
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }
    home = next((module for module, names in _exported().items() if name in names), None)
    if attributes and name in sys.stdlib_module_names:
        is_class = home is not None and attributes <= set(dir(getattr(importlib.import_module(home), name)))
        return f"from {home} import {name}" if is_class else f"import {name}"
    return f"from {home} import {name}" if home is not None else None


@cache
def _exported() -> dict[str, frozenset[str]]:
    """Public names of the modules that are taken from, of two letters and more: `e` may be anything."""
    modules = {module: importlib.import_module(module) for module in _HOMES}
    return {
        module: frozenset(
            name
            for name in getattr(found, "__all__", dir(found))
            if len(name) > 1 and name[0] != "_" and (name == module or name not in sys.stdlib_module_names)
        )
        for module, found in modules.items()
    }


def _order(line: str) -> tuple[bool, str]:
    return line.startswith("from "), line


def _place(tree: ast.Module) -> int:
    """Lines in front of the imports: the docstring and the imports that begin the source."""
    place = 0
    for node in tree.body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, ast.Import | ast.ImportFrom) or is_text):
            break
        place = node.end_lineno or place
    return place
