"""Where a test uses the code that it tests: names that hold it, and the expressions that mention them."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.suite import FunctionCase
from coder.source.python_names import parse_source

_Node = TypeVar("_Node", bound=ast.AST)
_MOST_STEPS = 8
"""Most assignments in a row by which a name is followed."""


@dataclass(frozen=True, slots=True)
class ParsedTests:
    """One test file, or the test of a function."""

    __test__ = False

    tree: ast.Module
    tests: Sequence[ast.AST]
    """Its test functions."""
    code: frozenset[str]
    """Names that hold the tested code, or what comes out of it."""
    imports: frozenset[str]
    """Top-level modules that it imports."""

    def is_of_code(self, node: ast.AST) -> bool:
        """Whether an expression mentions the tested code, or what came out of it."""
        return any(isinstance(one, ast.Name) and one.id in self.code for one in ast.walk(node))

    def nodes(self, *kinds: type[_Node]) -> Iterator[_Node]:
        """Nodes of these kinds."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    @property
    def names(self) -> frozenset[str]:
        """All names that it mentions."""
        return frozenset(node.id for node in self.nodes(ast.Name)) | self.imports


def code_of_function(case: FunctionCase) -> ParsedTests:
    """The tests of a function case."""
    text = f"{case.test}\n{case.plus_test or ''}"
    tree = parse_source(text) or ast.Module(body=[], type_ignores=[])
    return _source(tree, {"candidate", case.entry_point}, frozenset(), [tree])


def code_of_repository(text: str, modules: frozenset[str]) -> ParsedTests:
    """A test file of a repository with these top-level modules."""
    tree = parse_source(text) or ast.Module(body=[], type_ignores=[])
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    tests = [node for node in functions if node.name.startswith("test")]
    return _source(tree, set(), modules, tests)


def _source(
    tree: ast.Module, code: set[str], modules: frozenset[str], tests: Sequence[ast.AST]
) -> ParsedTests:
    imports = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                imports |= {name.name.partition(".")[0] for name in names}
                bound = {name.asname or name.name.partition(".")[0]: name.name for name in names}
                code |= {new for new, name in bound.items() if name.partition(".")[0] in modules}
            case ast.ImportFrom(module=str(module), level=0, names=names):
                imports.add(module.partition(".")[0])
                if module.partition(".")[0] in modules:
                    code |= {name.asname or name.name for name in names}
    for _ in range(_MOST_STEPS):
        more = set(_holders(tree, code)) - code
        if not more:
            break
        code |= more
    return ParsedTests(tree, tests, frozenset(code), frozenset(imports))


def _holders(tree: ast.Module, code: set[str]) -> Iterator[str]:
    """Names to which an expression that mentions the code is bound: variables, classes and fixtures."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if _mentions(value, code):
                yield from (
                    one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)
                )
            case ast.With(items=items) | ast.AsyncWith(items=items):
                held = (item for item in items if _mentions(item.context_expr, code))
                yield from (
                    item.optional_vars.id for item in held if isinstance(item.optional_vars, ast.Name)
                )
            case ast.ClassDef(name=name, bases=bases) if any(_mentions(base, code) for base in bases):
                yield name
            case ast.FunctionDef(name=name, decorator_list=[_, *_] as marks) if any(
                "fixture" in ast.unparse(mark) for mark in marks
            ):
                yield from [name] if _mentions(node, code) else []


def _mentions(node: ast.AST, code: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in code for one in ast.walk(node))
