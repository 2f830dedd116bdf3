"""Split a case's tests, to count how many of them an answer passes."""

import ast
from collections.abc import Sequence

from benchmarks.suite import FunctionCase
from coder.source.python_names import parse_source

_MOST = 100
"""Most tests of a case; one with more counts as a single test."""


def tests_apart(case: FunctionCase) -> tuple[str, ...]:
    """Sources that define `check(candidate)`, each with one of the case's assertions about the candidate."""
    sources = [case.test] if case.plus_test is None else [case.test, case.plus_test]
    apart = tuple(one for source in sources for one in _apart(source))
    return apart if len(apart) <= _MOST else tuple(sources)


def _apart(source: str) -> Sequence[str]:
    tree = parse_source(source)
    check = next(
        (one for one in tree.body if getattr(one, "name", "") == "check") if tree else iter(()), None
    )
    if tree is None or not isinstance(check, ast.FunctionDef) or not check.args.args:
        return [source]
    candidate, statements, apart = check.args.args[0].arg, check.body, []
    tests = [one for one in statements if _asserts_about(one, candidate)]
    for test in tests:
        check.body = [one for one in statements if one is test or one not in tests]
        apart.append(ast.unparse(tree))
    return apart or [source]


def _asserts_about(statement: ast.stmt, candidate: str) -> bool:
    nodes = list(ast.walk(statement))
    named = any(isinstance(one, ast.Name) and one.id == candidate for one in nodes)
    return named and any(isinstance(one, ast.Assert) for one in nodes)
