"""Find inherited tests, which are renamed and get twins together with their definition."""

import ast
from collections.abc import Iterator, Mapping

Tests = dict[str, tuple[str, ...]]


def heirs_of(tree: ast.Module) -> Tests:
    """Return, for each test of a class, the names of inherited tests, such as `TestMine::test_f`."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    heirs: dict[str, list[str]] = {}
    for name in classes:
        defined: set[str] = set()
        for owner in _lineage(name, classes, frozenset()):
            for test_name in _bound_names(classes[owner]):
                if test_name not in defined and test_name.startswith("test") and owner != name:
                    heirs.setdefault(f"{owner}::{test_name}", []).append(f"{name}::{test_name}")
                defined.add(test_name)
    return {test: tuple(names) for test, names in heirs.items()}


def _lineage(name: str, classes: Mapping[str, ast.ClassDef], visited: frozenset[str]) -> Iterator[str]:
    """Yield a class and its bases within the file, in method resolution order."""
    if name in classes and name not in visited:
        yield name
        for base in classes[name].bases:
            if isinstance(base, ast.Name):
                yield from _lineage(base.id, classes, visited | {name})


def _bound_names(node: ast.ClassDef) -> Iterator[str]:
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inner.name
        elif isinstance(inner, ast.Assign):
            yield from (target.id for target in inner.targets if isinstance(target, ast.Name))
