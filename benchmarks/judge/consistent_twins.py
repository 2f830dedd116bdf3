"""Twins with another input and a wrong expectation near the canonical answer's value for it.

A twin with only one of the two changed contradicts itself, which tells it from its test. A replacement letter
is absent from the inputs where possible, so wrong and right expectations look alike. Booleans stay: the test
would be the odd one out.
"""

import ast
import random
from collections.abc import Mapping, Sequence
from typing import cast

from benchmarks.judge.decoys import (
    KINDS,
    OTHERS,
    STEPS,
    TestNode,
    another,
    called,
    chosen,
    copied,
    other_constant,
)
from coder.source.python_names import is_literal

PLACES = 3
"""Most inputs of a test that are changed."""
_SEEN = "_seen_by_the_judge"
_MARK = "seen: "
_Constant = ast.Constant


def inputs_of(node: TestNode) -> int:
    """Number of inputs of a test that can be changed; 0 if its expectation isn't written as plain values."""
    if any(isinstance(one, ast.Call) and called(one) == "parametrize" for one in node.decorator_list):
        return 0
    return min(PLACES, len(_inputs(node))) if _compared(node) else 0


def probe(node: TestNode, variant: int) -> TestNode:
    """The test with another input, made to fail with the compared values in its message."""
    made = _changed(node, variant)
    start = ast.parse(f"{_SEEN} = []").body
    for number, (actual, _) in _compared(made).items():
        made.body[number] = ast.copy_location(ast.parse(f"{_SEEN}.append(0)").body[0], made.body[number])
        cast("ast.Call", cast("ast.Expr", made.body[number]).value).args[0] = actual
    end = ast.parse(f"raise AssertionError({_MARK!r} + repr({_SEEN}))").body
    made.body = [*start, *made.body, *end]
    return made


def told(text: str, node: TestNode) -> str | None:
    """Source of a list of the values that a probe saw; None unless each is plain."""
    _, mark, found = text.rpartition(_MARK)
    try:
        values = ast.literal_eval(found.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    right = _compared(node)
    if not mark or not isinstance(values, list) or len(values) != len(right):
        return None
    given = [ast.literal_eval(expected) for _, expected in right.values()]
    same = all(type(one) is type(other) for one, other in zip(values, given, strict=True))
    return found.strip() if same and any(map(_leaves, _items(found.strip()))) else None


def wrong_twins(
    node: TestNode, seen: Mapping[int, str], variants: Sequence[int], chance: random.Random
) -> list[TestNode]:
    """Twins with the variants' inputs, each with one wrong expectation.

    All differ in the same place by different steps, so that a majority vote reveals nothing.
    """
    made = [_changed(node, variant) for variant in variants]
    words, first = " ".join(map(_words, [node, *made])).casefold(), chance.getrandbits(32)
    steps = chance.sample(chosen(range(OTHERS), chance), len(variants))
    for twin, variant, step in zip(made, variants, steps, strict=True):
        values, same = _items(seen[variant]), random.Random(first)
        leaf = same.choice(_leaves(same.choice([value for value in values if _leaves(value)])))
        leaf.value = _other(leaf.value, words, STEPS[step], same)
        for value, (number, (_, expected)) in zip(values, _compared(twin).items(), strict=True):
            _replace(twin.body[number], expected, value)
    return made


def _changed(node: TestNode, variant: int) -> TestNode:
    made = copied(node)
    other_constant(_inputs(made)[variant // OTHERS], variant % OTHERS)
    return made


def _compared(node: TestNode) -> dict[int, tuple[ast.expr, ast.expr]]:
    """Statements that compare a computed value with a literal: (computed, literal) by number."""
    found = {}
    for number, statement in enumerate(node.body):
        pair = _pair(statement)
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


def _inputs(node: TestNode) -> list[_Constant]:
    """Constants in the computed expressions, those nearest to comparisons first."""
    parts: list[ast.AST] = [actual for actual, _ in _compared(node).values()]
    parts += [one.value for one in node.body if isinstance(one, ast.Assign)]
    return [
        inner
        for part in parts
        for inner in ast.walk(part)
        if isinstance(inner, _Constant) and type(inner.value) in (int, float, str, bytes)
    ]


class _Folded(ast.NodeTransformer):
    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        # Changed behind its sign, a number would read as no written test has it: `--1`.
        return _Constant(ast.literal_eval(node))


def _items(source: str) -> list[ast.expr]:
    return cast("ast.List", _Folded().visit(ast.parse(source, mode="eval")).body).elts


def _leaves(value: ast.expr) -> list[_Constant]:
    """Numbers and texts in a plain value that may be falsified; not keys, not booleans, not a set's."""
    match value:
        case _Constant(value=int() | float() | str() as plain) if not isinstance(plain, bool) and plain != "":
            return [value]
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Dict(values=items):
            return [leaf for item in items for leaf in _leaves(item)]
    return []


def _other(value: object, words: str, step: int, chance: random.Random) -> bool | int | float | str | bytes:
    if not isinstance(value, str):
        return another(value, step)
    known = [i for i, letter in enumerate(value) if any(letter in kind for kind in KINDS)]
    unlike = [i for i in known if value[i].casefold() not in words]
    return another(value, step, chance.choice(unlike or known or [len(value)]))


def _words(node: TestNode) -> str:
    return " ".join(str(one.value) for one in _inputs(node))


def _replace(statement: ast.stmt, old: ast.expr, new: ast.expr) -> None:
    parent = statement.test if isinstance(statement, ast.Assert) else cast("ast.Expr", statement).value
    for name, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, name, new)
        elif isinstance(value, list):
            value[:] = [new if one is old else one for one in value]
