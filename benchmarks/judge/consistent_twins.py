"""Make twins with another input and a wrong expectation near the canonical answer's value for it.

If only the input or only the expectation changed, a twin would contradict itself and could be told from its
test. Inputs are of similar kind (`alike.py`), and a wrong expectation looks like a right one
(`wrong_values.py`). In a test with parameters, one row differs. Booleans stay: otherwise no twin would have
the test's value.
"""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from benchmarks.judge.alike import Words
from benchmarks.judge.decoys import (
    MAX_OTHERS,
    TestNode,
    called_name,
    choose_twins,
    copy_tree,
    replace_constant,
)
from benchmarks.judge.wrong_values import leaves, source_of, wrong_values
from coder.source.python_names import is_literal

MAX_INPUTS = 3
"""Change at most this many inputs of a test."""
_SEEN = "_seen_by_the_judge"
_MARK = "seen: "
Row = Mapping[str, ast.expr]
"""Literals of one row of parameters, by name; empty for a test without parameters."""


def inputs_of(node: TestNode) -> int:
    """Return the number of changeable inputs of a test; 0 if the expectation isn't written as a literal."""
    return min(MAX_INPUTS, len(_inputs(node)))


def probe(node: TestNode, variant: int, words: Words) -> TestNode:
    """Return the test with another input, changed to fail with the compared values in its message."""
    twin, row = _change_input(node, variant, words)
    if row and (call := _parametrize(twin)) is not None:
        rows = cast("ast.List", call.args[1])
        rows.elts = [rows.elts[_inputs(node)[variant // MAX_OTHERS][0]]]
        call.keywords = [keyword for keyword in call.keywords if keyword.arg != "ids"]
    for number, (actual, _) in _comparisons(twin, row).items():
        twin.body[number] = ast.copy_location(ast.parse(f"{_SEEN}.append(0)").body[0], twin.body[number])
        cast("ast.Call", cast("ast.Expr", twin.body[number]).value).args[0] = actual
    end = ast.parse(f"raise AssertionError({_MARK!r} + repr({_SEEN}))").body
    twin.body = [*ast.parse(f"{_SEEN} = []").body, *twin.body, *end]
    return twin


def read_probe(text: str, node: TestNode, variant: int) -> str | None:
    """Return the source of a list of the values in a probe's message; None unless all are plain data."""
    _, mark, source = text.rpartition(_MARK)
    try:
        values = ast.literal_eval(source.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    comparisons = _comparisons(node, _row(node, _inputs(node)[variant // MAX_OTHERS][0]))
    if not mark or not isinstance(values, list) or len(values) != len(comparisons):
        return None
    expected_values = [ast.literal_eval(literal) for _, literal in comparisons.values()]
    has_equal_types = all(
        type(value) is type(other) for value, other in zip(values, expected_values, strict=True)
    )
    return source.strip() if has_equal_types and any(map(_is_falsifiable, values)) else None


def wrong_twins(
    node: TestNode,
    seen: Mapping[int, str],
    variants: Sequence[int],
    words: Words,
    *,
    chance: random.Random,
    turn: int,
) -> list[TestNode]:
    """Make twins with the variants' inputs, each with one wrong expectation.

    All twins differ in one common place by different steps, so that a majority vote reveals nothing.

    Args:
        turn: number of the judgement (`wrong_values`).
    """
    changed_tests = [_change_input(node, variant, words) for variant in variants]
    values = {variant: cast("list[object]", ast.literal_eval(text)) for variant, text in seen.items()}
    at = chance.choice([i for i, value in enumerate(values[variants[0]]) if _is_falsifiable(value)])
    row = _row(node, _inputs(node)[variants[0] // MAX_OTHERS][0])
    literal = ast.literal_eval([*_comparisons(node, row).values()][at][1])
    wrong_expectations = wrong_values(
        [values[variant][at] for variant in variants],
        [list(_input_values(twin, row)) for twin, row in changed_tests],
        chance.sample(choose_twins(range(MAX_OTHERS), chance), len(variants)),
        words,
        written=(literal, list(_input_values(node, row))),
        others=[results[at] for variant, results in values.items() if variant not in variants],
        chance=chance,
        turn=turn,
    )
    for (twin, row), variant, value in zip(changed_tests, variants, wrong_expectations, strict=True):
        expected = [*values[variant][:at], value, *values[variant][at + 1 :]]
        for (_, old_literal), new_value in zip(_comparisons(twin, row).values(), expected, strict=True):
            _replace(twin, old_literal, source_of(new_value))
    return [twin for twin, _ in changed_tests]


def _is_falsifiable(value: object) -> bool:
    return next(leaves(value), None) is not None


def _change_input(node: TestNode, variant: int, words: Words) -> tuple[TestNode, Row]:
    twin = copy_tree(node)
    number, constant = _inputs(twin)[variant // MAX_OTHERS]
    replace_constant(constant, variant % MAX_OTHERS, words)
    return twin, _row(twin, number)


def _comparisons(node: TestNode, row: Row) -> dict[int, tuple[ast.expr, ast.expr]]:
    """Return statements that compare a computed value with a literal: (computed, literal) by number."""
    pairs = {}
    for number, statement in enumerate(node.body):
        pair = [
            row.get(expression.id, expression) if isinstance(expression, ast.Name) else expression
            for expression in _pair(statement)
        ]
        literal = [is_literal(expression) for expression in pair]
        if literal.count(True) == 1:
            actual, expected = pair if literal[1] else pair[::-1]
            if any(isinstance(inner, ast.Call) for inner in ast.walk(actual)):
                pairs[number] = (actual, expected)
    return pairs


def _pair(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            return [left, right]
        case ast.Expr(value=ast.Call(args=[left, right, *_]) as call) if called_name(call) == "assertEqual":
            return [left, right]
    return []


def _inputs(node: TestNode) -> list[tuple[int, ast.Constant]]:
    """Return the constants of computations with their row numbers, those near comparisons first."""
    call = _parametrize(node)
    rows = cast("ast.List", call.args[1]).elts if call is not None and _row(node, 0) else []
    if bool(rows) != any(
        isinstance(decorator, ast.Call) and called_name(decorator) == "parametrize"
        for decorator in node.decorator_list
    ):
        return []
    inputs = []
    for number in [*range(len(rows) // 2, len(rows)), *range(len(rows) // 2)] or [0]:
        row = _row(node, number)
        comparisons = _comparisons(node, row)
        expected = [literal for _, literal in comparisons.values()]
        parts = [actual for actual, _ in comparisons.values()]
        parts += [statement.value for statement in node.body if isinstance(statement, ast.Assign)]
        arguments = [
            argument for argument in row.values() if not any(argument is other for other in expected)
        ]
        for part in [*arguments, *parts] if comparisons else []:
            constants = (inner for inner in ast.walk(part) if isinstance(inner, ast.Constant))
            inputs += [
                (number, constant)
                for constant in constants
                if type(constant.value) in (int, float, str, bytes)
            ]
    return inputs


def _parametrize(node: TestNode) -> ast.Call | None:
    """Return the `parametrize` call of a test; None unless there is exactly one."""
    calls = [
        decorator
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and called_name(decorator) == "parametrize"
    ]
    return calls[0] if len(calls) == 1 else None


def _row(node: TestNode, number: int) -> Row:
    """Return one row of a test's parameters; empty if they aren't written as literals."""
    match _parametrize(node):
        case ast.Call(args=[names, ast.List(elts=rows) | ast.Tuple(elts=rows)]) if number < len(rows):
            if not is_literal(names) or not is_literal(rows[number]):
                return {}
            value = ast.literal_eval(names)
            names_of_row = [part.strip() for part in value.split(",")] if isinstance(value, str) else [*value]
            row = rows[number]
            if len(names_of_row) == 1 and isinstance(value, str):
                return {names_of_row[0]: row}
            parts = row.elts if isinstance(row, ast.Tuple | ast.List) else []
            return dict(zip(names_of_row, parts, strict=True)) if len(parts) == len(names_of_row) else {}
    return {}


def _input_values(node: TestNode, row: Row) -> Iterator[object]:
    """Yield the inputs of a test as values: arguments of its calls, and numbers and texts in them."""
    comparisons = _comparisons(node, row)
    parts: list[ast.expr] = [
        argument
        for argument in row.values()
        if not any(argument is other for _, other in comparisons.values())
    ]
    calls = [
        inner
        for actual, _ in comparisons.values()
        for inner in ast.walk(actual)
        if isinstance(inner, ast.Call)
    ]
    parts += [argument for call in calls for argument in call.args]
    parts += [statement.value for statement in node.body if isinstance(statement, ast.Assign)]
    for value in (ast.literal_eval(part) for part in parts if is_literal(part)):
        yield value
        if isinstance(value, list | tuple | dict):
            yield from (leaf for _, leaf in leaves(value))


def _replace(node: TestNode, old_node: ast.expr, new_node: ast.expr) -> None:
    for inner in ast.walk(node):
        for name, value in ast.iter_fields(inner):
            if value is old_node:
                setattr(inner, name, new_node)
            elif isinstance(value, list):
                value[:] = [new_node if item is old_node else item for item in value]
