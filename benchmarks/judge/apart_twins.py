"""Make twins of isolated tests in which the candidate's code may decide.

If a test passes the expected value to the candidate (`assert same(lib.f(2), 4)`, `lib.Money(5) - 3.0`), a
helper of the candidate can accept every value. Such a test counts only if it fails with another constant.
Constants are replaced in the text and line numbers stay, because uses are recorded by line.
"""

import ast
import builtins
from collections.abc import Collection, Iterator, Mapping

from benchmarks.judge.alike import words_of_tests
from benchmarks.judge.decoys import (
    MAX_OTHERS,
    TestNode,
    called_name,
    copy_tree,
    count_others,
    find_places,
    find_tests,
    replace_constant,
)

_CHECKS = ("raises", "warns", "fail", "approx")


def find_deciding_tests(
    source: str, names: Collection[str], lines: Collection[int]
) -> dict[str, list[list[int]]]:
    """Return, for tests in which the candidate's code may decide, the variants of each changeable constant.

    Only constants that are passed to a deciding call change: no test states results for other inputs.

    Args:
        names: the tests to look at.
        lines: line numbers at which an operator of the candidate computes with the test's data.
    """
    tree = ast.parse(source)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    variants = {}
    for name, node, _ in find_tests(tree):
        calls = _deciding_calls(node, imported) if name in names else []
        has_operator = any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
        if name in names and (calls or has_operator):
            inputs = _computed_constants(node, {id(call) for call in calls})
            variants[name] = [
                [MAX_OTHERS * number + other for other in range(count_others(place))]
                for number, place in _written_places(node)
                if id(place) not in inputs
            ]
    return variants


def replace_constants(source: str, variants: Mapping[str, int]) -> str:
    """Return the source with another constant in each test of `variants`; line numbers stay."""
    lines, tree = [line.encode() for line in source.splitlines(keepends=True)], ast.parse(source)
    words = words_of_tests(tree)
    for name, node, _ in list(find_tests(tree)):
        if name in variants:
            place, other = divmod(variants[name], MAX_OTHERS)
            constant = find_places(node)[place]
            assert isinstance(constant, ast.Constant | ast.Name)
            assert constant.end_col_offset is not None
            replacement = copy_tree(constant)
            replace_constant(replacement, other, words)
            line = lines[constant.lineno - 1]
            text = ast.unparse(replacement).encode()
            lines[constant.lineno - 1] = line[: constant.col_offset] + text + line[constant.end_col_offset :]
    return b"".join(lines).decode()


def _written_places(node: TestNode) -> Iterator[tuple[int, ast.AST]]:
    """Yield numbers and nodes of places whose text is on one line and not part of an f-string."""
    f_strings = (inner for inner in ast.walk(node) if isinstance(inner, ast.JoinedStr))
    parts = {id(inner) for outer in f_strings for inner in ast.walk(outer)}
    for number, place in enumerate(find_places(node)):
        is_on_one_line = isinstance(place, ast.Constant | ast.Name) and place.lineno == place.end_lineno
        if is_on_one_line and id(place) not in parts:
            yield number, place


def _computed_constants(node: TestNode, deciding_calls: Collection[int]) -> set[int]:
    """Return the id() of constants that are input: in other calls, and in all parameters but the last."""
    constants: set[int] = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and called_name(call) == "parametrize":
            rows = [row for argument in call.args[1:] for row in getattr(argument, "elts", [])]
            parts = [part for row in rows for part in getattr(row, "elts", [])[:-1]]
        elif isinstance(call, ast.Call) and id(call) not in deciding_calls and not _is_tool_call(call):
            parts = [*call.args, *call.keywords]
        else:
            continue
        constants |= {id(inner) for part in parts for inner in ast.walk(part)}
    return constants


def _deciding_calls(node: TestNode, imported: Collection[str]) -> list[ast.Call]:
    """Return calls that take a candidate's result and another value; all calls if there are no assertions."""
    nodes = [inner for statement in node.body for inner in ast.walk(statement)]
    if not any(map(_is_check, nodes)):
        return [
            inner.value
            for inner in nodes
            if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call)
        ]
    derived = {
        target.id
        for inner in nodes
        if isinstance(inner, ast.Assign | ast.For | ast.NamedExpr | ast.withitem)
        for target in _targets(inner)
        if any(isinstance(part, ast.Call) for part in ast.walk(_value(inner)))
    }
    asserted = {id(inner.test) for inner in nodes if isinstance(inner, ast.Assert)}

    def is_derived(operand: ast.expr) -> bool:
        return any(
            isinstance(part, ast.Call) or (isinstance(part, ast.Name) and part.id in {*derived, *imported})
            for part in ast.walk(operand)
        )

    def hands_over(call: ast.Call) -> bool:
        operands = [*call.args, *(keyword.value for keyword in call.keywords)]
        is_asserted = id(call) in asserted
        if is_asserted and isinstance(call.func, ast.Attribute) and _name_of(call.func.value) not in imported:
            operands.append(call.func.value)
        return len(operands) > 1 and (is_asserted or any(map(is_derived, operands)))

    return [
        inner
        for inner in nodes
        if isinstance(inner, ast.Call) and not _is_tool_call(inner) and hands_over(inner)
    ]


def _is_tool_call(call: ast.Call) -> bool:
    """Whether a call is of a test tool or a builtin, and not of the candidate."""
    return _is_check(call) or hasattr(builtins, called_name(call))


def _is_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Assert | ast.Raise)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    is_method = (
        called_name(node).startswith("assert") and owner is not None and _name_of(owner) in ("self", "cls")
    )
    return called_name(node) in _CHECKS or is_method


def _targets(node: ast.AST) -> Iterator[ast.Name]:
    targets = getattr(node, "targets", None) or [
        getattr(node, "target", None) or getattr(node, "optional_vars", None)
    ]
    for target in targets:
        yield from (
            (inner for inner in ast.walk(target) if isinstance(inner, ast.Name)) if target is not None else ()
        )


def _value(node: ast.AST) -> ast.AST:
    value = getattr(node, "value", None) or getattr(node, "iter", None) or getattr(node, "context_expr", None)
    return value if isinstance(value, ast.AST) else node


def _name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
