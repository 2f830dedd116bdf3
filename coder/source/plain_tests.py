"""Recognize plain tests: their result depends only on results and exceptions of the code under test.

They call it with literals and compare; they use no fixture, file or setting of the process. One that passes
beside the code and fails away from it was tampered with.
"""

import ast
import re
from collections.abc import Collection

from coder.source.plain_code import PlainCode, is_constant, is_main
from coder.source.python_names import parse_source

_SETS_UP = re.compile(r"^(?:set_?up|tear_?down|async_?set_?up|async_?tear_?down)", re.IGNORECASE)


def plain_tests(source: str, own: Collection[str]) -> dict[str, bool]:
    """Return the tests of a file, as `Class::method` or `function`, and whether each is plain.

    No test is plain in a file that prepares the process.

    Args:
        own: top-level modules of the code under test.
    """
    tree = parse_source(source)
    if tree is None:
        return {}
    tests: dict[str, bool] = {}
    is_prepared = prepares_process(source)
    for node in tree.body:
        is_simple = not is_prepared and (not isinstance(node, ast.ClassDef) or _is_simple_class(node))
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name.startswith(
                "test"
            ):
                name = f"{node.name}::{function.name}" if isinstance(node, ast.ClassDef) else function.name
                is_plain = is_simple and isinstance(function, ast.FunctionDef)
                tests[name] = is_plain and PlainCode(tree, own).is_test(function)
    return tests


def is_plain_program(source: str, own: Collection[str]) -> bool:
    """Whether a program contains an assertion and is otherwise plain."""
    tree = parse_source(source)
    if tree is None or not any(map(_can_fail, ast.walk(tree))):
        return False
    return PlainCode(tree, own).is_program(tree)


def only_tests(source: str, tests: Collection[str]) -> str:
    """Remove the test functions and methods that are not among `tests` (named `path::…`)."""
    tree = ast.parse(source)
    names = {test.partition("[")[0].partition("::")[2] for test in tests}

    def keep(body: list[ast.stmt], prefix: str) -> list[ast.stmt]:
        statements: list[ast.stmt] = []
        for node in body:
            name = getattr(node, "name", "")
            if isinstance(node, ast.ClassDef):
                node.body = keep(node.body, f"{name}::") or [ast.Pass()]
            is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and name.startswith("test")
            if not is_test or prefix + name in names:
                statements.append(node)
        return statements

    tree.body = keep(tree.body, "")
    return ast.unparse(ast.fix_missing_locations(tree))


def prepares_process(source: str) -> bool:
    """Whether a test file or conftest.py may change the process before its tests run."""
    tree = parse_source(source)
    if tree is None or "autouse" in source:
        return True
    return any(_prepares(node) for node in tree.body)


def _can_fail(node: ast.AST) -> bool:
    """Whether a node can make a program fail."""
    exits = isinstance(node, ast.Call) and ast.unparse(node.func) == "sys.exit"
    return exits or isinstance(node, ast.Assert | ast.Raise)


def _prepares(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name.startswith("pytest_") or bool(_SETS_UP.match(node.name))
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not all(isinstance(target, ast.Name | ast.Tuple) for target in targets):
            return True
        return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets)
    if isinstance(node, ast.Expr):
        return not (is_constant(node.value) or ast.unparse(node).startswith("sys.path."))
    if isinstance(node, ast.If):
        return not is_main(node)
    return not isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.Assert | ast.Pass)


def _is_simple_class(node: ast.ClassDef) -> bool:
    """Whether a test class derives at most from unittest's and has no setup."""
    bases = [ast.unparse(base) for base in node.bases]
    names = [getattr(statement, "name", "") for statement in node.body]
    has_plain_bases = all(base in ("object", "TestCase", "unittest.TestCase") for base in bases)
    return (
        has_plain_bases
        and not node.decorator_list
        and not node.keywords
        and not any(map(_SETS_UP.match, names))
    )
