"""Find where a test uses the tested code: names bound to the code, and expressions that mention them."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from coder.source.python_names import parse_source

_Node = TypeVar("_Node", bound=ast.AST)
_MAX_STEPS = 8
"""Maximum number of successive assignments through which a name is followed."""


@dataclass(frozen=True, slots=True)
class ParsedTests:
    """Syntax tree of a test file, with the names of the tested code."""

    __test__ = False

    tree: ast.Module
    tests: Sequence[ast.AST]
    """Test functions of the tree."""
    code: frozenset[str]
    """Names bound to the tested code or to its results."""
    imports: frozenset[str]
    """Top-level modules that the tests import."""

    def is_of_code(self, node: ast.AST) -> bool:
        """Whether an expression mentions the tested code or one of its results."""
        return any(isinstance(inner, ast.Name) and inner.id in self.code for inner in ast.walk(node))

    def nodes(self, *kinds: type[_Node]) -> Iterator[_Node]:
        """Yield the nodes of these kinds."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


def parse_repository_tests(text: str, modules: frozenset[str]) -> ParsedTests:
    """Parse a test file of a repository with these top-level modules."""
    tree = parse_source(text) or ast.Module(body=[], type_ignores=[])
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    tests = [node for node in functions if node.name.startswith("test")]
    return _parse_tests(tree, set(), modules, tests)


def _parse_tests(
    tree: ast.Module, code: set[str], modules: frozenset[str], tests: Sequence[ast.AST]
) -> ParsedTests:
    imports = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                imports |= {name.name.partition(".")[0] for name in names}
                targets = {name.asname or name.name.partition(".")[0]: name.name for name in names}
                code |= {target for target, name in targets.items() if name.partition(".")[0] in modules}
            case ast.ImportFrom(module=str(module), level=0, names=names):
                imports.add(module.partition(".")[0])
                if module.partition(".")[0] in modules:
                    code |= {name.asname or name.name for name in names}
    for _ in range(_MAX_STEPS):
        new_names = set(_bound_names(tree, code)) - code
        if not new_names:
            break
        code |= new_names
    return ParsedTests(tree, tests, frozenset(code), frozenset(imports))


def _bound_names(tree: ast.Module, code: set[str]) -> Iterator[str]:
    """Yield variables, classes and fixtures that are bound to an expression that mentions the code."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if _mentions(value, code):
                yield from (
                    inner.id
                    for target in targets
                    for inner in ast.walk(target)
                    if isinstance(inner, ast.Name)
                )
            case ast.With(items=items) | ast.AsyncWith(items=items):
                code_items = (item for item in items if _mentions(item.context_expr, code))
                yield from (
                    item.optional_vars.id for item in code_items if isinstance(item.optional_vars, ast.Name)
                )
            case ast.ClassDef(name=name, bases=bases) if any(_mentions(base, code) for base in bases):
                yield name
            case ast.FunctionDef(name=name, decorator_list=[_, *_] as decorators) if any(
                "fixture" in ast.unparse(decorator) for decorator in decorators
            ):
                yield from [name] if _mentions(node, code) else []


def _mentions(node: ast.AST, code: set[str]) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in code for inner in ast.walk(node))
