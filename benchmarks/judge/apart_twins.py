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
        computes = any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
        if name in names and (computes or _hands_over(node, imported)):
            found[name] = [
                [OTHERS * number + other for other in range(others_of(place))]
                for number, place in _written_places(node)
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
    parts = {
        id(one) for outer in ast.walk(node) if isinstance(outer, ast.JoinedStr) for one in ast.walk(outer)
    }
    for number, place in enumerate(places_of(node)):
        is_written = isinstance(place, ast.Constant | ast.Name) and place.lineno == place.end_lineno
        if is_written and id(place) not in parts:
            yield number, place


def _hands_over(node: TestNode, imported: Collection[str]) -> bool:
    """Whether the test asserts nothing itself, or passes something of the candidate's with something else."""
    inside = [inner for statement in node.body for inner in ast.walk(statement)]
    own = [one for one in inside if isinstance(one, ast.Assert | ast.Call) and _is_own_check(one)]
    if not own:
        return True
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

    for call in inside:
        if isinstance(call, ast.Call) and not _is_own_check(call) and not hasattr(builtins, called(call)):
            operands = [*call.args, *(one.value for one in call.keywords)]
            is_said = id(call) in said
            if is_said and isinstance(call.func, ast.Attribute) and _name_of(call.func.value) not in imported:
                operands.append(call.func.value)
            if len(operands) > 1 and (is_said or any(map(is_derived, operands))):
                return True
    return False


def _is_own_check(node: ast.Assert | ast.Call) -> bool:
    if isinstance(node, ast.Assert):
        return True
    is_method = isinstance(node.func, ast.Attribute) and called(node).startswith("assert")
    return called(node) in _CHECKS or (is_method and _name_of(node.func.value) in ("self", "cls"))  # type: ignore[attr-defined]


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
