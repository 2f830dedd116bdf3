"""Twins with another input and a wrong expectation near the canonical answer's value for it.

A twin with only one of the two changed contradicts itself, which tells it from its test. Inputs are of the
same kind (`alike.py`), and a wrong expectation looks like a right one (`wrong_values.py`). Of a test with
parameters one row differs. Booleans stay: the test would be the odd one out.
"""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from benchmarks.judge.alike import Words
from benchmarks.judge.decoys import OTHERS, TestNode, called, chosen, copied, other_constant
from benchmarks.judge.wrong_values import leaves, source_of, wrong_values
from coder.source.python_names import is_literal

PLACES = 3
"""Most inputs of a test that are changed."""
_SEEN = "_seen_by_the_judge"
_MARK = "seen: "
Row = Mapping[str, ast.expr]
"""Literals of one row of parameters by name; empty for a test without parameters."""


def inputs_of(node: TestNode) -> int:
    """Number of inputs of a test that can be changed; 0 if its expectation isn't written as plain values."""
    return min(PLACES, len(_inputs(node)))


def probe(node: TestNode, variant: int, words: Words) -> TestNode:
    """The test with another input, made to fail with the compared values in its message."""
    made, row = _changed(node, variant, words)
    if row and (call := _parametrize(made)) is not None:
        rows = cast("ast.List", call.args[1])
        rows.elts = [rows.elts[_inputs(node)[variant // OTHERS][0]]]
        call.keywords = [one for one in call.keywords if one.arg != "ids"]
    for number, (actual, _) in _compared(made, row).items():
        made.body[number] = ast.copy_location(ast.parse(f"{_SEEN}.append(0)").body[0], made.body[number])
        cast("ast.Call", cast("ast.Expr", made.body[number]).value).args[0] = actual
    end = ast.parse(f"raise AssertionError({_MARK!r} + repr({_SEEN}))").body
    made.body = [*ast.parse(f"{_SEEN} = []").body, *made.body, *end]
    return made


def told(text: str, node: TestNode, variant: int) -> str | None:
    """Source of a list of the values that a probe saw; None unless each is plain."""
    _, mark, found = text.rpartition(_MARK)
    try:
        values = ast.literal_eval(found.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    right = _compared(node, _row(node, _inputs(node)[variant // OTHERS][0]))
    if not mark or not isinstance(values, list) or len(values) != len(right):
        return None
    given = [ast.literal_eval(expected) for _, expected in right.values()]
    same = all(type(one) is type(other) for one, other in zip(values, given, strict=True))
    return found.strip() if same and any(map(_is_falsifiable, values)) else None


def wrong_twins(
    node: TestNode,
    seen: Mapping[int, str],
    variants: Sequence[int],
    words: Words,
    *,
    chance: random.Random,
    turn: int,
) -> list[TestNode]:
    """Twins with the variants' inputs, each with one wrong expectation.

    All differ in the same place by different steps, so that a majority vote reveals nothing.

    Args:
        turn: number of the judgement (`wrong_values`).
    """
    made = [_changed(node, variant, words) for variant in variants]
    values = {variant: cast("list[object]", ast.literal_eval(text)) for variant, text in seen.items()}
    at = chance.choice([i for i, value in enumerate(values[variants[0]]) if _is_falsifiable(value)])
    row = _row(node, _inputs(node)[variants[0] // OTHERS][0])
    written = ast.literal_eval([*_compared(node, row).values()][at][1])
    wrong = wrong_values(
        [values[variant][at] for variant in variants],
        [list(_given(twin, row)) for twin, row in made],
        chance.sample(chosen(range(OTHERS), chance), len(variants)),
        words,
        written=(written, list(_given(node, row))),
        others=[one[at] for variant, one in values.items() if variant not in variants],
        chance=chance,
        turn=turn,
    )
    for (twin, row), variant, value in zip(made, variants, wrong, strict=True):
        expected = [*values[variant][:at], value, *values[variant][at + 1 :]]
        for (_, old), new in zip(_compared(twin, row).values(), expected, strict=True):
            _replace(twin, old, source_of(new))
    return [twin for twin, _ in made]


def _is_falsifiable(value: object) -> bool:
    return next(leaves(value), None) is not None


def _changed(node: TestNode, variant: int, words: Words) -> tuple[TestNode, Row]:
    made = copied(node)
    number, constant = _inputs(made)[variant // OTHERS]
    other_constant(constant, variant % OTHERS, words)
    return made, _row(made, number)


def _compared(node: TestNode, row: Row) -> dict[int, tuple[ast.expr, ast.expr]]:
    """Statements that compare a computed value with a literal: (computed, literal) by number."""
    found = {}
    for number, statement in enumerate(node.body):
        pair = [row.get(one.id, one) if isinstance(one, ast.Name) else one for one in _pair(statement)]
        literal = [is_literal(one) for one in pair]
        if literal.count(True) == 1:
            actual, expected = pair if literal[1] else pair[::-1]
            if any(isinstance(inner, ast.Call) for inner in ast.walk(actual)):
                found[number] = (actual, expected)
    return found


def _pair(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            return [left, right]
        case ast.Expr(value=ast.Call(args=[left, right, *_]) as call) if called(call) == "assertEqual":
            return [left, right]
    return []


def _inputs(node: TestNode) -> list[tuple[int, ast.Constant]]:
    """Constants that results are computed from, nearest to comparisons first, with their row number."""
    call = _parametrize(node)
    rows = cast("ast.List", call.args[1]).elts if call is not None and _row(node, 0) else []
    if bool(rows) != any(
        isinstance(one, ast.Call) and called(one) == "parametrize" for one in node.decorator_list
    ):
        return []
    found = []
    for number in [*range(len(rows) // 2, len(rows)), *range(len(rows) // 2)] or [0]:
        row = _row(node, number)
        compared = _compared(node, row)
        expected = [one for _, one in compared.values()]
        parts = [actual for actual, _ in compared.values()]
        parts += [one.value for one in node.body if isinstance(one, ast.Assign)]
        own = [one for one in row.values() if not any(one is other for other in expected)]
        for part in [*own, *parts] if compared else []:
            constants = (one for one in ast.walk(part) if isinstance(one, ast.Constant))
            found += [(number, one) for one in constants if type(one.value) in (int, float, str, bytes)]
    return found


def _parametrize(node: TestNode) -> ast.Call | None:
    """The one `parametrize` of a test; None if there are others or none."""
    found = [one for one in node.decorator_list if isinstance(one, ast.Call) and called(one) == "parametrize"]
    return found[0] if len(found) == 1 else None


def _row(node: TestNode, number: int) -> Row:
    """One row of a test's parameters; empty where they aren't written as literals."""
    match _parametrize(node):
        case ast.Call(args=[names, ast.List(elts=rows) | ast.Tuple(elts=rows)]) if number < len(rows):
            if not is_literal(names) or not is_literal(rows[number]):
                return {}
            given = ast.literal_eval(names)
            several = [one.strip() for one in given.split(",")] if isinstance(given, str) else [*given]
            row = rows[number]
            if len(several) == 1 and isinstance(given, str):
                return {several[0]: row}
            parts = row.elts if isinstance(row, ast.Tuple | ast.List) else []
            return dict(zip(several, parts, strict=True)) if len(parts) == len(several) else {}
    return {}


def _given(node: TestNode, row: Row) -> Iterator[object]:
    """Inputs of a test as values: arguments of its calls, and their numbers and texts."""
    compared = _compared(node, row)
    parts: list[ast.expr] = [
        one for one in row.values() if not any(one is other for _, other in compared.values())
    ]
    calls = [one for actual, _ in compared.values() for one in ast.walk(actual) if isinstance(one, ast.Call)]
    parts += [argument for call in calls for argument in call.args]
    parts += [one.value for one in node.body if isinstance(one, ast.Assign)]
    for value in (ast.literal_eval(one) for one in parts if is_literal(one)):
        yield value
        if isinstance(value, list | tuple | dict):
            yield from (leaf for _, leaf in leaves(value))


def _replace(node: TestNode, old: ast.expr, new: ast.expr) -> None:
    for inner in ast.walk(node):
        for name, value in ast.iter_fields(inner):
            if value is old:
                setattr(inner, name, new)
            elif isinstance(value, list):
                value[:] = [new if one is old else one for one in value]
