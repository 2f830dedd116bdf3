"""Twins of tests that run apart from the package, for tests in which its code may decide.

Where a test hands the candidate what it expects (`assert same(lib.f(2), 4)`, `lib.Money(5) - 3.0`), a helper
of the candidate's can say yes to everything. Such a test counts only if it fails with another constant.
Constants are replaced in the text, so that lines stay: uses are recorded by line.
"""

import ast
import builtins
from collections.abc import Collection, Iterator, Mapping

from benchmarks.judge.alike import words_of_tests
from benchmarks.judge.decoys import (
    OTHERS,
    TestNode,
    called,
    copied,
    found_tests,
    other_constant,
    others_of,
    places_of,
)

_CHECKS = ("raises", "warns", "fail", "approx")


def handing_tests(source: str, names: Collection[str], lines: Collection[int]) -> dict[str, list[list[int]]]:
    """Variants by place of the tests of these names in which the candidate's code may decide.

    Only of what is handed over for a decision: what other input gives is nowhere said.

    Args:
        lines: at which an operator of the candidate computes with the test's data.
    """
    tree = ast.parse(source)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found = {}
    for name, node, _ in found_tests(tree):
        handing = _handing_calls(node, imported) if name in names else []
        computes = any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
        if name in names and (handing or computes):
            inputs = _inputs(node, {id(call) for call in handing})
            found[name] = [
                [OTHERS * number + other for other in range(others_of(place))]
                for number, place in _written_places(node)
                if id(place) not in inputs
            ]
    return found


def changed_source(source: str, variants: Mapping[str, int]) -> str:
    """The source with another constant in each of these tests, on the same lines."""
    lines, tree = [line.encode() for line in source.splitlines(keepends=True)], ast.parse(source)
    words = words_of_tests(tree)
    for name, node, _ in list(found_tests(tree)):
        if name in variants:
            place, other = divmod(variants[name], OTHERS)
            old = places_of(node)[place]
            assert isinstance(old, ast.Constant | ast.Name)
            assert old.end_col_offset is not None
            new = copied(old)
            other_constant(new, other, words)
            line = lines[old.lineno - 1]
            text = ast.unparse(new).encode()
            lines[old.lineno - 1] = line[: old.col_offset] + text + line[old.end_col_offset :]
    return b"".join(lines).decode()


def _written_places(node: TestNode) -> Iterator[tuple[int, ast.AST]]:
    """Places, with their numbers, whose text is on one line and not part of a formatted one."""
    formatted = (one for one in ast.walk(node) if isinstance(one, ast.JoinedStr))
    parts = {id(one) for outer in formatted for one in ast.walk(outer)}
    for number, place in enumerate(places_of(node)):
        is_written = isinstance(place, ast.Constant | ast.Name) and place.lineno == place.end_lineno
        if is_written and id(place) not in parts:
            yield number, place


def _inputs(node: TestNode, handing: Collection[int]) -> set[int]:
    """Constants, by id(), the candidate computes with: in other calls, in all parameters but the last."""
    found: set[int] = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and called(call) == "parametrize":
            rows = [row for one in call.args[1:] for row in getattr(one, "elts", [])]
            parts = [part for row in rows for part in getattr(row, "elts", [])[:-1]]
        elif isinstance(call, ast.Call) and id(call) not in handing and not _is_known(call):
            parts = [*call.args, *call.keywords]
        else:
            continue
        found |= {id(one) for part in parts for one in ast.walk(part)}
    return found


def _handing_calls(node: TestNode, imported: Collection[str]) -> list[ast.Call]:
    """Calls that pass something of the candidate's with something else; all, if the test asserts nothing."""
    inside = [inner for statement in node.body for inner in ast.walk(statement)]
    if not any(map(_is_own_check, inside)):
        return [one.value for one in inside if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)]
    derived = {
        target.id
        for one in inside
        if isinstance(one, ast.Assign | ast.For | ast.NamedExpr | ast.withitem)
        for target in _targets(one)
        if any(isinstance(part, ast.Call) for part in ast.walk(_value(one)))
    }
    said = {id(one.test) for one in inside if isinstance(one, ast.Assert)}

    def is_derived(operand: ast.expr) -> bool:
        return any(
            isinstance(part, ast.Call) or (isinstance(part, ast.Name) and part.id in {*derived, *imported})
            for part in ast.walk(operand)
        )

    def hands_over(call: ast.Call) -> bool:
        operands = [*call.args, *(one.value for one in call.keywords)]
        is_said = id(call) in said
        if is_said and isinstance(call.func, ast.Attribute) and _name_of(call.func.value) not in imported:
            operands.append(call.func.value)
        return len(operands) > 1 and (is_said or any(map(is_derived, operands)))

    return [one for one in inside if isinstance(one, ast.Call) and not _is_known(one) and hands_over(one)]


def _is_known(call: ast.Call) -> bool:
    """Whether a call is of the test's own tools, and not of the candidate."""
    return _is_own_check(call) or hasattr(builtins, called(call))


def _is_own_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Assert | ast.Raise)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    is_method = called(node).startswith("assert") and owner is not None and _name_of(owner) in ("self", "cls")
    return called(node) in _CHECKS or is_method


def _targets(node: ast.AST) -> Iterator[ast.Name]:
    targets = getattr(node, "targets", None) or [
        getattr(node, "target", None) or getattr(node, "optional_vars", None)
    ]
    for target in targets:
        yield from (
            (one for one in ast.walk(target) if isinstance(one, ast.Name)) if target is not None else ()
        )


def _value(node: ast.AST) -> ast.AST:
    found = getattr(node, "value", None) or getattr(node, "iter", None) or getattr(node, "context_expr", None)
    return found if isinstance(found, ast.AST) else node


def _name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
