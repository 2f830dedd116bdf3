"""Find inherited tests: they are renamed and twinned together with their definition."""

import ast
from collections.abc import Iterator, Mapping

Tests = dict[str, tuple[str, ...]]


def heirs_of(tree: ast.Module) -> Tests:
    """For each test of a class, the names under which subclasses inherit it, such as `TestMine::test_f`."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[str, list[str]] = {}
    for name in classes:
        known: set[str] = set()
        for owner in _line(name, classes, frozenset()):
            for bound in _bound(classes[owner]):
                if bound not in known and bound.startswith("test") and owner != name:
                    found.setdefault(f"{owner}::{bound}", []).append(f"{name}::{bound}")
                known.add(bound)
    return {test: tuple(names) for test, names in found.items()}


def _line(name: str, classes: Mapping[str, ast.ClassDef], seen: frozenset[str]) -> Iterator[str]:
    """A class and its bases within the file, in method resolution order."""
    if name in classes and name not in seen:
        yield name
        for base in classes[name].bases:
            if isinstance(base, ast.Name):
                yield from _line(base.id, classes, seen | {name})


def _bound(node: ast.ClassDef) -> Iterator[str]:
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inner.name
        elif isinstance(inner, ast.Assign):
            yield from (target.id for target in inner.targets if isinstance(target, ast.Name))
